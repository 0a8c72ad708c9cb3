"""Everything that the commands need, imported once in the process that the others are copies of."""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # threads do not survive the copy

import scanvq.api
import scanvq.audit.audit_run
import scanvq.cli.main
import scanvq.cli.progress_display
import scanvq.cli.summary
import scanvq.inference.sample
import scanvq.report.write  # noqa: F401

"""`scanvq cache`: the prepared stores, listed and removed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from scanvq.store.cached_stores import CachedStore


def cache(
    names: Annotated[
        list[str] | None, typer.Argument(help="The stores, as listed.", show_default="all")
    ] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Remove them.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Remove them without a question.")] = False,
) -> None:
    """List the prepared stores: scans, slices, size on disk, last use. `--clear` removes them.

    A store holds the scans as `fit` reads them; a run whose store was removed prepares its scans again. A
    store that a process uses is never removed. The stores are in $SCANVQ_CACHE, else in the cache folder of
    the user.

    Example: `scanvq cache`

    Example: `scanvq cache --clear --yes`
    """
    from scanvq.imaging.display import display_name
    from scanvq.store.cached_stores import list_stores, remove_store, stores_folder

    if yes and not clear:
        raise ValueError("--yes is for --clear, which removes stores; without it they are listed")
    stores = list_stores()
    known = {store.folder.name for store in stores}
    for name in names or ():
        if name not in known:
            raise ValueError(f"there is no prepared store {name}; `scanvq cache` lists those there are")
    chosen = [store for store in stores if not names or store.folder.name in names]
    for store in chosen:
        print("\n".join(display_name(line) for line in _lines(store)))
    print(f"{len(chosen)} stores, {_megabytes(chosen)} MB in {display_name(stores_folder())}")
    removable = [store for store in chosen if not store.in_use]
    if not clear or not removable:
        return
    if not yes and not _confirmed(f"Remove {len(removable)} stores, {_megabytes(removable)} MB?"):
        print("nothing removed")
        return
    removed = [store for store in removable if remove_store(store.folder)]
    print(f"removed {len(removed)} stores, {_megabytes(removed)} MB")


def _lines(store: CachedStore) -> list[str]:
    from datetime import datetime

    held = "incomplete" if store.slices is None else f"{store.slices:,} slices"
    if store.size is not None:
        held += f" of {store.size[0]}x{store.size[1]}"
    used = "in use" if store.in_use else f"last used {datetime.fromtimestamp(store.last_used):%Y-%m-%d %H:%M}"
    scans = store.scans or "unknown scans"
    return [store.folder.name, f"  {scans}: {held}, {_megabytes([store])} MB, {used}"]


def _megabytes(stores: list[CachedStore]) -> str:
    return f"{sum(store.disk_bytes for store in stores) / 1e6:.1f}"


def _confirmed(question: str) -> bool:
    try:
        return typer.confirm(question)
    except typer.Abort:  # there is nobody to answer
        raise ValueError("nothing removed; remove them without a question by --yes") from None

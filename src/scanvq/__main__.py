"""`python -m scanvq`, and so `torchrun -m scanvq`."""

from scanvq.cli.main import main

if __name__ == "__main__":
    main()

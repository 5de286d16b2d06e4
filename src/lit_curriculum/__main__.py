"""``python -m lit_curriculum`` is the same command as ``lit``."""

from lit_curriculum.cli.main import console

if __name__ == "__main__":
    console()

"""Streams that tests give a command in place of a terminal."""

import io


class Screen(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        return True

    @property
    def lines(self) -> list[str]:
        """What stands on the screen: a carriage return goes back to the beginning of the line."""
        shown = []
        for line in self.getvalue().split("\n"):
            cells: list[str] = []
            for part in line.split("\r"):
                cells[: len(part)] = part
            shown.append("".join(cells).rstrip())
        return shown


class FullDisk(io.StringIO):
    """What ``2>/dev/full`` is: takes nothing."""

    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")

#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""tools/picture/main.py FOLDER [TO]

Draws TO/structure.svg and TO/reach.svg (TO is FOLDER if it is not given) of the
machine whose files are in FOLDER; state.py says which.  make picture is more
convenient."""
import sys
from pathlib import Path

import reach
import state
import structure


def draw(folder, to):
    """The pictures of a folder, as files; their names."""
    s = state.load(folder)
    pictures = {"structure.svg": structure.draw(s), "reach.svg": reach.draw(s)}
    for name, text in pictures.items():
        (Path(to) / name).write_text(text)
    return [str(Path(to) / name) for name in pictures]


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    try:
        print("\n".join(draw(sys.argv[1], sys.argv[-1])))
    except (state.Odd, OSError) as e:
        sys.exit(f"{sys.argv[0]}: {e}")

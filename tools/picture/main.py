#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""tools/picture/main.py FOLDER|REPORT [TO]

Draws TO/structure.svg and TO/reach.svg of the machine whose files are in FOLDER
(state.py says which), or in the text of its `iommu report`; without TO they come
into the same folder.  make picture is more convenient."""
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
        source = Path(sys.argv[1])
        folder = source.parent if source.is_file() else source
        print("\n".join(draw(source, (sys.argv[2:] or [folder])[0])))
    except (state.Odd, OSError) as e:
        sys.exit(f"{sys.argv[0]}: {e}")

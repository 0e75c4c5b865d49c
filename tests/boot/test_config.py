# SPDX-License-Identifier: BSD-2-Clause
"""make defconfig and make savedefconfig, in a copy of the tree."""
import re
import shutil
import subprocess

import pytest

from machine import TOP, clean_environment


@pytest.fixture
def tree(tmp_path):
    to = tmp_path / "tree"
    shutil.copytree(TOP, to, symlinks=True, ignore=shutil.ignore_patterns(
        ".git", "obj", "__pycache__", ".config*"))
    return to


def make(tree, *targets):
    done = subprocess.run(["make", "-s", *targets], cwd=tree, text=True,
                          stdin=subprocess.DEVNULL, capture_output=True,
                          env=clean_environment())
    assert done.returncode == 0, done.stderr
    return done.stdout


def choices(path):
    return dict(re.findall(r"^(CONFIG_\w+)=(.+)$", path.read_text(), re.M))


def test_defconfig_is_what_holds_without_a_config(tree):
    make(tree, "defconfig")
    assert choices(tree / ".config") == choices(tree / "kern/defconfig")


def test_kconfig_has_the_same_defaults(tree):
    make(tree, "savedefconfig")
    assert (tree / "defconfig").read_text() == ""


def test_what_was_chosen_is_saved_and_comes_back(tree):
    make(tree, "defconfig")
    config = tree / ".config"
    text = config.read_text().replace("CONFIG_HZ=100", "CONFIG_HZ=250")
    config.write_text(text.replace("# CONFIG_UBSAN is not set",
                                   "CONFIG_UBSAN=y"))
    chosen = choices(config)
    make(tree, "savedefconfig")
    assert (tree / "defconfig").read_text() == \
        "CONFIG_HZ=250\nCONFIG_UBSAN=y\n"
    config.unlink()
    make(tree, "defconfig", "DEFCONFIG=defconfig")
    assert choices(config) == chosen
    make(tree, "obj/include/config.h")
    header = (tree / "obj/include/config.h").read_text()
    assert "#define CONFIG_HZ 250\n" in header
    assert "#define CONFIG_UBSAN 1\n" in header
    assert "CONFIG_LOCK_ORDER" not in header

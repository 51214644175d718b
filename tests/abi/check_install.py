#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: what `meson install` puts down is enough to build against.
Method: installs into a folder of its own, builds the example against it with
what pkg-config says, shared and static, and runs both.

usage: check_install.py BUILD EXAMPLES CC"""
import os
import pathlib
import subprocess
import sys
import tempfile


def run(*command, **options):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True,
                          check=False, **options)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


def main():
    build, examples, *cc = sys.argv[1:]
    sources = [f"{examples}/embed.c", f"{examples}/poll_loop.c"]
    with tempfile.TemporaryDirectory() as folder:
        run("meson", "install", "--no-rebuild", "-C", build,
            env={**os.environ, "DESTDIR": folder})
        pc, = pathlib.Path(folder).rglob("llmproxy.pc")
        libdir = pc.parent.parent
        prefix = next(line.split("=", 1)[1] for line in pc.read_text().splitlines()
                      if line.startswith("prefix="))
        flags = ["pkg-config", f"--define-variable=prefix={folder}{prefix}"]
        cflags = run(*flags, "--cflags", pc).split()
        for name, more in (("shared", []), ("static", ["--static"])):
            libs = run(*flags, *more, "--libs", pc).split()
            if more:
                libs = ["-l:libllmproxy.a" if lib == "-lllmproxy" else lib
                        for lib in libs]
            program = f"{folder}/{name}"
            run(*cc, *cflags, *sources, "-o", program, *libs)
            env = {**os.environ, "LD_LIBRARY_PATH": str(libdir)}
            done = subprocess.run([program], capture_output=True, text=True, env=env,
                                  check=False)
            if "usage" not in (done.stdout + done.stderr).lower():
                raise SystemExit(f"{name}: {done.stdout}{done.stderr}")
            needed = run("ldd", program, env=env)
            if ("libllmproxy" in needed) != (name == "shared"):
                raise SystemExit(f"{name} is not what it is called:\n{needed}")
    print("the installed library links, shared and static")


main()

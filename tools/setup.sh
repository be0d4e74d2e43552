#!/bin/sh
# Makes the virtual environment: sh tools/setup.sh PYTHON VENV
# On Debian, and with the rights to, it installs the packages that it needs; else it names them.
set -eu
python=$1 venv=$2

say() { echo "setup: $*"; }

command -v "$python" >/dev/null 2>&1 || python=python3
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || {
    say "Python 3.11 or newer is needed (say which: make PYTHON=/path/to/python)" >&2
    exit 1
}

# venv and the headers come with the interpreter or as Debian packages; llama.cpp needs a C++
# compiler, PyAudio the headers of PortAudio; flite and espeak-ng give the tests their voices,
# PulseAudio a sound system without hardware, Chromium, Xvfb and xdotool a browser, a screen
# and a hand.
missing=""
command -v c++ >/dev/null 2>&1 || missing="$missing g++"
"$python" -c 'import ensurepip, venv' 2>/dev/null || missing="$missing python3-venv"
"$python" -c 'import os, sysconfig, sys
sys.exit(not os.path.exists(os.path.join(sysconfig.get_paths()["include"], "Python.h")))' ||
    missing="$missing python3-dev"
command -v flite >/dev/null 2>&1 || missing="$missing flite"
command -v espeak-ng >/dev/null 2>&1 || missing="$missing espeak-ng"
command -v pulseaudio >/dev/null 2>&1 || missing="$missing pulseaudio"
command -v parec >/dev/null 2>&1 || missing="$missing pulseaudio-utils"
command -v chromium >/dev/null 2>&1 || missing="$missing chromium"
command -v Xvfb >/dev/null 2>&1 || missing="$missing xvfb"
command -v xdotool >/dev/null 2>&1 || missing="$missing xdotool"
portaudio() { printf '#include <portaudio.h>\n' | c++ -E -x c++ - >/dev/null 2>&1; }
portaudio || missing="$missing portaudio19-dev"
if [ -n "$missing" ]; then
    if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
        say "installing the Debian packages$missing"
        apt-get update -qq
        # shellcheck disable=SC2086
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing \
            >/dev/null
    else
        say "these programs are missing:$missing; install them and run it again"
        case "$missing" in *g++* | *python3*) exit 1 ;; esac
        say "going on without; the tests that need them will be skipped"
    fi
fi

[ -x "$venv/bin/python" ] || {
    say "making the virtual environment $venv"
    "$python" -m venv "$venv"
}
say "installing the packages of requirements.lock (llama.cpp is compiled: some minutes, once)"
wanted=requirements.lock
if ! portaudio; then
    say "PyAudio is left out: the headers of PortAudio are missing"
    wanted=$venv/requirements.lock
    awk '/^[^ ]/ { leave = /^pyaudio==/ } !leave' requirements.lock >"$wanted"
fi
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps \
    --require-hashes -r "$wanted"
say "installing sottovoce"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --editable .

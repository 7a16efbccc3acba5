"""A terminal for a test: runs a program in a new session with a terminal of its own, as a terminal emulator does.

usage: terminal.py ROWS COLS PROGRAM ARGUMENT...

Descriptor 3 brings commands, one JSON array a line: ["type", TEXT], ["resize", ROWS, COLS], ["ask"] and ["close"]. On descriptor 4
go events, one JSON object a line: {"shown": TEXT}, the answer {"raw": BOOLEAN, "foreground": PGID}, and at last {"status": N}.
"""
import fcntl
import json
import os
import pty
import select
import struct
import sys
import termios


def tell(event):
    os.write(4, (json.dumps(event) + "\n").encode())


def resize(master, rows, cols):
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))


def obey(master, command, *words):
    if command == "type":
        text = words[0].encode()
        while text:
            text = text[os.write(master, text) :]
    elif command == "resize":
        resize(master, *words)
    elif command == "ask":
        raw = not termios.tcgetattr(master)[3] & termios.ICANON
        tell({"raw": raw, "foreground": os.tcgetpgrp(master)})
    elif command == "close":
        os.close(master)
        return -1
    return master


def main():
    rows, cols, *argv = sys.argv[1:]
    pid, master = pty.fork()
    if pid == 0:
        os.closerange(3, 5)
        resize(0, int(rows), int(cols))
        os.execvpe(argv[0], argv, os.environ)
    unread = b""
    while master >= 0:
        ready = select.select([master, 3], [], [])[0]
        if master in ready:
            try:
                shown = os.read(master, 65536)
            except OSError:
                break
            tell({"shown": shown.decode("latin1")})
        elif 3 in ready:
            commands = os.read(3, 65536)
            if not commands:
                break
            *lines, unread = (unread + commands).split(b"\n")
            for line in lines:
                master = obey(master, *json.loads(line))
    tell({"status": os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])})


main()

# Runs a program in a terminal of its own and types into it: terminal.py ROWS COLUMNS SCRIPT CMD…
# SCRIPT is JSON: a list of steps, each a list: ["type", text], ["until", text seen since the last step], ["pause", seconds],
# ["size", rows, columns], ["kill", signal number], ["raw"]: until the program has taken the terminal to read key by key. Prints JSON: the output, the exit code, whether the terminal was left as it was.
import fcntl, json, os, pty, select, signal, struct, sys, termios, time

rows, columns, script, command = int(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3]), sys.argv[4:]
parent, child_end = pty.openpty()


def resize(rows, columns):
    fcntl.ioctl(parent, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


resize(rows, columns)
before = termios.tcgetattr(child_end)
pid = os.fork()
if pid == 0:
    os.setsid()
    fcntl.ioctl(child_end, termios.TIOCSCTTY, 0)
    for fd in (0, 1, 2):
        os.dup2(child_end, fd)
    os.close(parent)
    os.execvp(command[0], command)

output = b""
seen = 0
deadline = time.time() + 120


def gather(seconds):
    global output
    end = time.time() + seconds
    while True:
        ready, _, _ = select.select([parent], [], [], max(0, end - time.time()))
        if not ready:
            return
        data = os.read(parent, 65536)
        output += data
        if not data:
            return


def fail(why):
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    print(json.dumps({"error": why, "output": output.decode("utf8", "replace")}))
    sys.exit(1)


for step in script:
    what, arguments = step[0], step[1:]
    if what == "until":
        wanted = arguments[0].encode()
        while wanted not in output[seen:]:
            if time.time() > deadline:
                fail("never saw " + arguments[0])
            gather(0.05)
        seen = output.index(wanted, seen) + len(wanted)
    elif what == "type":
        os.write(parent, arguments[0].encode())
    elif what == "pause":
        gather(arguments[0])
    elif what == "size":
        resize(*arguments)
    elif what == "kill":
        os.kill(pid, arguments[0])
    elif what == "raw":
        while termios.tcgetattr(child_end)[3] & termios.ICANON:
            if time.time() > deadline:
                fail("the terminal was never raw")
            gather(0.05)

while True:
    gather(0.05)
    ended, status = os.waitpid(pid, os.WNOHANG)
    if ended:
        break
    if time.time() > deadline:
        fail("did not end")
gather(0.1)
after = termios.tcgetattr(child_end)
print(json.dumps({
    "output": output.decode("utf8", "replace"),
    "code": os.waitstatus_to_exitcode(status),
    "restored": before == after,
}))

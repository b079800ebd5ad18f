"""Runs in the guest of tools/vm as a service: warms the machine up, says it is ready, then runs one command.

Frames on the virtio port, both ways: one letter, the length as 32 bits big-endian, the payload.
  to the host   R ready, the machine may be kept now · A awake · 1, 2 output · X exit code in decimal
  to the guest  W wake up · C [time, sync at the end, argv] as JSON · I standard input, empty at its end
"""

import glob
import json
import os
import select
import subprocess
import threading
import time

# What the first use of a fresh machine would pay for, once; kept with the machine.
WARM = """
modprobe -qa virtio_net overlay veth bridge loop tun nf_tables nft_chain_nat nft_masq nft_ct
ip link set lo up; ip link set eth0 up; ip addr add 10.0.2.15/24 dev eth0; ip route add default via 10.0.2.2
systemctl is-system-running --wait
runuser -l user -c 'systemctl --user is-system-running --wait; systemd-run --user -q --scope busctl --user list'
systemd-run -q --scope busctl list; systemd-run -q --wait true; runc -v; crun -v; sync
"""


def put(port, kind, data=b""):
    port.write(kind + len(data).to_bytes(4, "big") + data)
    port.flush()


def get(port):
    while not (head := port.read(5)):  # nobody is at the other end yet
        time.sleep(0.01)
    return head[:1], port.read(int.from_bytes(head[1:], "big"))


def run(inp, out, argv):
    """Runs argv, passes its streams on, returns its exit code as a shell would."""
    process = subprocess.Popen(
        argv, bufsize=0, stdin=-1, stdout=-1, stderr=-1, cwd="/", start_new_session=True
    )

    def feed():
        while data := get(inp)[1]:
            try:
                process.stdin.write(data)
            except BrokenPipeError:
                pass
        process.stdin.close()

    threading.Thread(target=feed, daemon=True).start()
    end = os.pidfd_open(process.pid)
    pipes = {process.stdout.fileno(): b"1", process.stderr.fileno(): b"2"}
    # until it has ended and all that it wrote is read; what it left running may keep the pipes open
    while (ready := select.select([*pipes, end], [], [])[0]) != [end]:
        for fd in {*ready} - {end}:
            if data := os.read(fd, 65536):
                put(out, pipes[fd], data)
            else:
                del pipes[fd]
    code = process.wait()
    return code if code >= 0 else 128 - code


def main():
    port = os.open(glob.glob("/dev/vport*p1")[0], os.O_RDWR)
    inp, out = open(port, "rb"), open(os.dup(port), "wb")
    subprocess.run(WARM, shell=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    put(out, b"R")
    get(inp)
    put(out, b"A")
    now, shared, argv = json.loads(get(inp)[1])
    time.clock_settime(time.CLOCK_REALTIME, now)
    code = run(inp, out, argv)
    if shared:
        os.sync()
    put(out, b"X", b"%d" % code)


main()

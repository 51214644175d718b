# SPDX-License-Identifier: Apache-2.0
"""The processes of the gateway's benchmark: llmsim, the proxies, the load.

All proxies are set up to do the same work: one worker, kept connections on
both legs, streams passed on unbuffered. No access log.
"""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time

import benchlib

CPUS = sorted(os.sched_getaffinity(0))
PROXY_CPU, OTHER_CPU = str(CPUS[-1]), str(CPUS[0])


# Made for this file; load.c sends it.
KEY = "llmgw_benchmarkBENCHMARK0123456789xy1pZIQR"

# Six cells (requests and tokens of the key, tokens and money of its team,
# requests and tokens of the model), each wide enough for any load.
POLICIES = """
models: [ { name: sim-fast, provider: sim, limits: { requests: 100000000, tokens: 1000000000000 } } ]
teams: [ { name: t, limits: { tokens: 1000000000000, budget: { month: "1000000" } } } ]
keys: [ { name: k, key: "%s", team: t, limits: { requests: 100000000, tokens: 1000000000000 } } ]
prices:
  table: '{"version":"bench","date":"2026-11-24","entries":[{"provider":"sim","model":"*","currency":"USD","input":"0.1","output":"0.2","source":"none","as_of":"2026-11-24"}]}'
store: { path: %s }
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(port):
    for _ in range(100):
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return True
        time.sleep(0.05)
    return False


class Process:
    """A pinned child that ends with the run."""

    def __init__(self, cpu, command, port, folder):
        self.port = port
        self.command = command[0]
        self.log = os.path.join(folder, f"stderr-{port}")
        with open(self.log, "wb") as errors_to:
            self.child = subprocess.Popen(["taskset", "-c", cpu, *command], cwd=folder,
                                          stdout=subprocess.DEVNULL, stderr=errors_to)

    def must_listen(self):
        if not wait_for(self.port):
            with open(self.log, encoding="utf-8") as f:
                raise SystemExit(f"{self.command} does not listen:\n{f.read()}")

    def pids(self):
        """The child and its children: nginx works in one of them."""
        pids = [self.child.pid]
        for entry in os.listdir("/proc"):
            with contextlib.suppress(OSError, ValueError):
                with open(f"/proc/{int(entry)}/stat", encoding="utf-8") as f:
                    if int(f.read().rsplit(")", 1)[1].split()[1]) == self.child.pid:
                        pids.append(int(entry))
        return pids

    def cpu_ns(self):
        total = 0
        for pid in self.pids():
            for task in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{task}/schedstat", encoding="utf-8") as f:
                    total += int(f.read().split()[0])
        return total

    def rss_kib(self):
        total = 0
        for pid in self.pids():
            with open(f"/proc/{pid}/status", encoding="utf-8") as f:
                for line in f:
                    if line.startswith("VmRSS:"):
                        total += int(line.split()[1])
        return total

    def stop(self):
        self.child.terminate()
        try:
            self.child.wait(5)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()


class Bench:
    """Starts what a part of the benchmark needs, and the load against it."""

    def __init__(self, folder):
        self.folder = folder
        self.running = []
        targets = ["apps/llmgw/llmgw", "apps/llmsim/llmsim",
                   "tests/bench/gateway/bench-load"]
        self.llmgw, self.llmsim, self.load = benchlib.build(*targets)
        self.make_certificate()

    def make_certificate(self):
        self.cert = os.path.join(self.folder, "cert.pem")
        self.key = os.path.join(self.folder, "key.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                        "-subj", "/CN=127.0.0.1", "-addext",
                        "subjectAltName=IP:127.0.0.1", "-keyout", self.key,
                        "-out", self.cert], check=True, capture_output=True)
        both = os.path.join(self.folder, "both.pem")
        with open(both, "w", encoding="utf-8") as f:
            f.write(open(self.cert).read() + open(self.key).read())

    def start(self, cpu, command, port):
        process = Process(cpu, command, port, self.folder)
        self.running.append(process)
        process.must_listen()
        return process

    def stop(self):
        """Ends all that was started: the proxies before the simulator."""
        while self.running:
            self.running.pop().stop()

    def target(self, name, sim, tls=False):
        """What the load goes to; `direct` is the way without a proxy."""
        make = {"direct": lambda: sim,
                "haproxy": lambda: self.haproxy(sim, tls),
                "nginx": lambda: self.nginx(sim),
                "native": lambda: self.gateway(sim, "native", tls),
                "governed": lambda: self.gateway(sim, "native", tls, True),
                "curl": lambda: self.gateway(sim, "curl", tls)}
        return make[name]()

    def targets(self, names, sim, tls=False):
        return {name: self.target(name, sim, tls) for name in names}

    def path(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def sim(self, *flags, tls=False):
        port = free_port()
        extra = ["--tls-cert", self.cert, "--tls-key", self.key] if tls else []
        return self.start(OTHER_CPU, [self.llmsim, "--listen", f"127.0.0.1:{port}",
                                      *flags, *extra], port)

    def gateway(self, sim, transport, tls, governed=False):
        port = free_port()
        policies = POLICIES % (KEY, os.path.join(self.folder, f"{port}.db")) if governed else ""
        scheme = "https" if tls else "http"
        server_tls = f"  tls: {{ cert: {self.cert}, key: {self.key} }}\n" if tls else ""
        ca = f", ca_file: {self.cert}" if tls else ""
        config = self.path(f"gw-{port}.yaml", f"""
server:
  listen: 127.0.0.1:{port}
  workers: 1
  access_log: "off"
  limits: {{ connections: 20000 }}
{server_tls}
providers:
  - {{ name: sim, base_url: "{scheme}://127.0.0.1:{sim.port}/v1", api_key: sk-bench-key, transport: {transport}{ca} }}
{policies}""")
        return self.start(PROXY_CPU, [self.llmgw, "-c", config], port)

    def haproxy(self, sim, tls):
        port = free_port()
        bind = f" ssl crt {self.folder}/both.pem alpn http/1.1" if tls else ""
        server = f" ssl ca-file {self.cert} verify required alpn http/1.1" if tls else ""
        config = self.path(f"ha-{port}.cfg", f"""
global
  nbthread 1
  maxconn 9500
  tune.ssl.default-dh-param 2048
defaults
  mode http
  timeout client 120s
  timeout server 120s
  timeout connect 5s
  option http-keep-alive
  option http-no-delay
  http-reuse always
frontend f
  bind 127.0.0.1:{port}{bind}
  default_backend b
backend b
  server s 127.0.0.1:{sim.port}{server}
""")
        return self.start(PROXY_CPU, ["haproxy", "-f", config], port)

    def nginx(self, sim):
        port = free_port()
        config = self.path(f"nginx-{port}.conf", f"""
daemon off; worker_processes 1; pid {self.folder}/nginx-{port}.pid;
error_log stderr crit; worker_rlimit_nofile 19000;
events {{ worker_connections 14000; }}
http {{
  access_log off; keepalive_requests 100000000; tcp_nodelay on;
  client_body_temp_path {self.folder}/body; proxy_temp_path {self.folder}/proxy;
  fastcgi_temp_path {self.folder}/f; uwsgi_temp_path {self.folder}/u; scgi_temp_path {self.folder}/s;
  upstream sim {{ server 127.0.0.1:{sim.port}; keepalive 512; keepalive_requests 100000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=8192;
    location / {{ proxy_pass http://sim; proxy_http_version 1.1;
      proxy_set_header Connection ""; proxy_buffering off; proxy_read_timeout 120s; }}
  }}
}}
""")
        return self.start(PROXY_CPU, ["nginx", "-c", config, "-p", self.folder], port)

    def load_on(self, process, mode, count, seconds, size_or_ramp, model, tls=False,
                **pipes):
        """Starts the load generator; its parameters are at the head of load.c."""
        return subprocess.Popen(
            ["taskset", "-c", OTHER_CPU, self.load, mode, f"127.0.0.1:{process.port}",
             *map(str, (count, seconds, size_or_ramp, model)),
             *(["tls"] if tls else [])], stdout=subprocess.PIPE, text=True, **pipes)

    def measure(self, process, *what):
        """Runs the load against one target; adds CPU and memory figures."""
        load = self.load_on(process, *what, stderr=subprocess.PIPE)
        marks = {}
        for line in load.stderr:
            word = line.strip()
            if word in ("start", "end"):
                marks[word] = process.cpu_ns()
                marks[word + "_rss"] = process.rss_kib()
            elif word:
                print(word, file=sys.stderr)
        out = load.stdout.read()
        if load.wait() != 0 or "end" not in marks:
            raise SystemExit("the load generator failed")
        result = json.loads(out)
        work = result["requests"] or result["events"]
        if not work:  # a target that answers nothing is not a fast one
            result["errors"] += 1
        result["cpu_us"] = (marks["end"] - marks["start"]) / 1000 / max(work, 1)
        result["rss_kib"] = marks["end_rss"]
        return result

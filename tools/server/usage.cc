// SPDX-License-Identifier: Apache-2.0
// The help texts. Their shape follows main.go and opts.go of the reference, so that people and
// scripts find what they know; the performance options are ours.
#include "tools/server/flags.h"

namespace nuring::tools {
namespace {

constexpr std::string_view kUsage = R"(
Usage: nats-uring [options]

Server Options:
    -a, --addr, --net <host>         Bind to host address (default: 0.0.0.0)
    -p, --port <port>                Use port for clients (default: 4222)
    -n, --name
        --server_name <server_name>  Server name (default: auto)
    -P, --pid <file>                 File to store PID
    -m, --http_port <port>           Use port for http monitoring
    -ms,--https_port <port>          Use port for https monitoring
    -c, --config <file>              Configuration file
    -t                               Test configuration and exit
        --test_reload <file>         With -t, test whether this configuration
                                     file can be reloaded (exit code 3 if a
                                     restart is required)
    -sl,--signal <signal>[=<pid>]    Send signal to nats-uring process (ldm,
                                     stop, quit, term, reopen, reload)
                                     <pid> can be either a PID (e.g. 1) or the
                                     path to a PID file (e.g.
                                     /var/run/nats-uring.pid)
        --client_advertise <string>  Client URL to advertise to other servers
        --ports_file_dir <dir>       Creates a ports file in the specified
                                     directory (<executable_name>_<pid>.ports).

Performance Options:
        --workers <number>           Worker threads, one ring each (default: one
                                     per available CPU)
        --busy_poll <duration>       Poll for work that long before sleeping,
                                     e.g. 50us (default: 0)
        --io <auto|uring|epoll>      How to talk to the kernel (default: auto)

Logging Options:
    -l, --log <file>                 File to redirect log output
    -T, --logtime                    Timestamp log entries (default: true)
        --logtime_utc                Timestamps in UTC instead of local time
                                     (default: false)
    -s, --syslog                     Log to syslog
    -r, --remote_syslog <addr>       Syslog server addr (udp://localhost:514)
    -D, --debug                      Enable debugging output
    -V, --trace                      Trace the raw protocol
    -VV                              Verbose trace (traces system account as
                                     well)
    -DV                              Debug and trace
    -DVV                             Debug and verbose trace (traces system
                                     account as well)
        --log_size_limit <limit>     Logfile size limit (default: unlimited)
        --max_traced_msg_len <len>   Maximum printable length for traced
                                     messages (default: unlimited)

JetStream Options:
    -js, --jetstream                 Accepted, has no effect
    -sd, --store_dir <dir>           Accepted, has no effect

Authorization Options:
        --user <user>                User required for connections
        --pass <password>            Password required for connections
        --auth <token>               Authorization token required for
                                     connections

TLS Options:
        --tls                        Enable TLS, do not verify clients (default:
                                     false)
        --tlscert <file>             Server certificate file
        --tlskey <file>              Private key for server certificate
        --tlsverify                  Enable TLS, verify client certificates
        --tlscacert <file>           Client certificate CA for verification

Cluster Options:
        --routes <rurl-1, rurl-2>    Routes to solicit and connect
        --cluster <cluster-url>      Cluster URL for solicited routes
        --cluster_name <string>      Cluster Name, if not set one will be
                                     dynamically generated
        --no_advertise <bool>        Do not advertise known cluster information
                                     to clients
        --cluster_advertise <string> Cluster URL to advertise to other servers
        --connect_retries <number>   For implicit routes, number of connect
                                     retries
        --cluster_listen <url>       Cluster url from which members can solicit
                                     routes

Profiling Options:
        --profile <port>             Profiling HTTP port (accepted, has no
                                     effect)

Common Options:
    -h, --help                       Show this message
    -v, --version                    Show version
        --help_tls                   TLS help

)";

constexpr std::string_view kTlsHelp = R"(
TLS configuration is specified in the tls section of a configuration file:

e.g.

    tls {
        cert_file:      "./certs/server-cert.pem"
        key_file:       "./certs/server-key.pem"
        ca_file:        "./certs/ca.pem"
        verify:         true
        verify_and_map: true

        cipher_suites: [
            "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
            "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
        ]
        curve_preferences: [
            "CurveP256",
            "CurveP384",
            "CurveP521"
        ]
    }

Available cipher suites include:
)";

}  // namespace

std::string usage_text(std::string_view program) {
    constexpr std::string_view kName = "nats-uring";
    std::string text(kUsage);
    for (size_t at = text.find(kName); at != std::string::npos; at = text.find(kName, at + program.size())) {
        text.replace(at, kName.size(), program);
    }
    return text;
}

std::string tls_help_text() {
    std::string text(kTlsHelp);
    for (const std::string& name : config::known_cipher_suites()) text += "    " + name + "\n";
    text += "\nAvailable curve preferences include:\n";
    for (const std::string& name : config::default_curves()) text += "    " + name + "\n";
    return text;
}

}  // namespace nuring::tools

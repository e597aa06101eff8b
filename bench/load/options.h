// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace nuring::bench {

struct Endpoint {
    std::string host = "127.0.0.1";
    uint16_t port = 4222;
    bool tls = false;  // after INFO
    bool websocket = false;
    std::string user;  // of CONNECT; alone: a token
    std::string password;
};

// Where the publisher and the receivers of a lane live in a server with several workers.
enum class Pairs : uint8_t { kAnywhere, kLocal, kCrossing };

// Options of one run: what to measure, against whom, for how long. Read once from the command line.
struct Options {
    std::string scenario;
    Endpoint endpoint;
    uint16_t far_port = 0;  // of a server that is linked with it: receivers go there; 0: none
    Pairs pairs = Pairs::kAnywhere;
    uint16_t monitor_port = 0;             // of the server, to find the workers of connections
    std::vector<pid_t> server_pids;        // none: no CPU or memory figures
    std::string server_path;               // start this server for the run
    std::vector<std::string> server_args;  // beside address and port
    int server_cpu = -1;                   // pin the started server; -1: leave
    int load_cpu = -1;                     // pin the generator; -1: leave
    double seconds = 3;                    // measured time
    double warmup_seconds = 0.5;           // before it, not measured
    uint64_t count = 0;                    // publish exactly so many instead, all of them measured
    size_t window_bytes = 8 << 20;         // deliveries under way at most
    size_t chunk_bytes = 256 << 10;        // one send at most
    double rate = 0;                       // messages/s of a schedule; 0: the scenario's
    uint32_t payload_size = 0;             // of its messages, bytes; 0: the scenario's
    uint32_t connections = 0;              // that send them; 0: the scenario's
    uint32_t subjects = 0;                 // of subs-1m; 0: a million
    bool stop_server = false;              // storm-5k: ends it while all are connected
    bool relay = false;                    // the other end is nuring-relay: raw frames
    bool verify = false;                   // number every message and check every delivery
    bool spin = true;                      // latency scenarios poll instead of sleeping
    bool json = false;
    bool histogram = false;  // every bucket, in the JSON line

    // Where receivers connect.
    Endpoint far_endpoint() const {
        Endpoint far = endpoint;
        if (far_port != 0) far.port = far_port;
        return far;
    }
};

// Reads argv; prints help or a complaint and exits if there is nothing to run.
Options read_options(int argc, char** argv);

}  // namespace nuring::bench

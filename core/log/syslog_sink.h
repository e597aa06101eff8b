// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/log/sink.h"

namespace nuring::log {

struct SyslogOptions {
    std::string url;  // "": the local daemon; else udp://host:port, tcp://host:port, unix:///path
    std::string tag;  // last element of argv[0]
    int pid = 0;
};

// SyslogSink sends lines to a syslog daemon, one record per line and without level, pid or time in
// the text, which the protocol carries itself:
//
//   local:   <PRI>Nov 21 06:00:00 tag[pid]: text\n             facility daemon
//   remote:  <PRI>2026-11-21T06:00:00Z host tag[pid]: text\n   facility kern, as in the reference
//
// Threads: its owner's, the flusher's.
// Limits:  kTextBytesMax per record; a send and a new connection wait kSendWaitMax_ms at most each; after a
//          failed connection lines are lost for kRetry_ns before the next attempt.
// Errors:  create() fails if no daemon can be reached. Later failures reconnect once, then lose the line.
//          Names are resolved once, in create(), because a look-up may block for long.
// Source:  logger/syslog.go 2.0.0-RC19; log/syslog of the Go library (record forms); RFC 3164, 5424.
class SyslogSink : public Sink {
  public:
    static constexpr size_t kTextBytesMax = 8000;
    static constexpr int kConnectWaitMax_ms = 2000;
    static constexpr int kSendWaitMax_ms = 200;
    static constexpr uint64_t kRetry_ns = 1'000'000'000;

    static absl::StatusOr<std::unique_ptr<SyslogSink>> create(const SyslogOptions& options);
    ~SyslogSink() override;
    SyslogSink(const SyslogSink&) = delete;
    SyslogSink& operator=(const SyslogSink&) = delete;

    void write(const Line& line) override;

  private:
    struct Target {
        sockaddr_storage address = {};
        socklen_t address_bytes = 0;
        int socket_kind = 0;  // SOCK_DGRAM, SOCK_STREAM
    };

    explicit SyslogSink(const SyslogOptions& options);
    absl::Status resolve();
    // Connects to the first target that answers. Returns 0 or an errno.
    int connect(int wait_ms_max);
    int send(std::string_view record);
    void close();
    std::string record_of(const Line& line) const;

    const SyslogOptions options_;
    bool local_form_ = true;
    int facility_ = 0;
    std::string hostname_;
    std::vector<Target> targets_;
    int fd_ = -1;
    uint64_t failed_at_ns_ = 0;  // of the last attempt to connect; 0: it succeeded
};

}  // namespace nuring::log

// SPDX-License-Identifier: Apache-2.0
// The flushing side of the log: what the control thread calls.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/log/log.h"
#include "core/log/sink.h"

namespace nuring::log {

// The target of the lines and their form. There is one target, the first that is set of: file,
// remote_syslog, syslog, stderr.
struct LogOutput {
    std::string file;
    uint64_t file_size_limit_bytes = 0;  // logfile_size_limit; 0: none
    uint32_t file_count_max = 0;         // logfile_max_num; 0: keeps all
    std::string remote_syslog;           // udp://h:p, tcp://h:p, unix:///path
    bool syslog = false;
    bool logtime = true;
    bool logtime_utc = false;
    bool json = false;    // log_format: json; stderr and file
    std::string program;  // last element of argv[0]; syslog's tag
    int pid = 0;
};

// Opens the sink that the output names. Errors: file cannot be opened, syslog cannot be reached;
// the texts are those of the reference.
absl::StatusOr<std::unique_ptr<Sink>> open_sink(const LogOutput& output);

// Flusher takes the lines of all writers, orders them by time and writes them to the sink. It never delays a
// writer. A WRN line reports how many lines writers dropped or the sink lost.
// The order of one writer's lines is kept even if the clock steps back between them.
// Threads:  one at a time: the control thread. Call drain() after each FlushWake; it needs no polling.
// Limits:   one drain() holds at most the content of all rings in memory.
// Errors:   only reopen() fails; the file that was open stays in use then.
// Lifetime: not longer than its Logger. The destructor flushes.
class Flusher {
  public:
    Flusher(Logger& logger, std::unique_ptr<Sink> sink);
    ~Flusher();
    Flusher(const Flusher&) = delete;
    Flusher& operator=(const Flusher&) = delete;

    // Writes what is there; returns the number of lines.
    size_t drain();
    // Writes all lines from before the call: before exit, and after a fatal line.
    void flush_all();

    // At reload: flushes to the former sink, then goes on with the new one, which also gets the
    // report of what the former one lost.
    void replace(std::unique_ptr<Sink> sink);
    // SIGUSR1: opens the file anew and logs that, or why not.
    absl::Status reopen();

    // A line of the flushing thread itself, after those that are waiting.
    void write(Level level, std::string_view text);

    uint64_t dropped_count() const { return dropped_count_; }

  private:
    void report_dropped();
    void collect_lost_counts();
    // Ends the sink's batch, with a report of what it has lost until one arrives.
    void end_batch();

    struct Ordered {
        uint64_t order_ns;  // latest time of the writer's lines up to this one
        LineRing::Drained line;
    };

    Logger& logger_;
    std::unique_ptr<Sink> sink_;
    std::vector<LineRing::Drained> drained_;
    std::vector<Ordered> ordered_;
    std::string texts_;
    uint64_t dropped_count_ = 0;
    uint64_t lost_count_ = 0;  // by a sink, and not yet reported
    std::string lost_reason_;  // of the last of them
};

}  // namespace nuring::log

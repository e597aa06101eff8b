// SPDX-License-Identifier: Apache-2.0
// The targets of log lines: stderr, a file. (syslog_sink.h has the third.)
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/log/line.h"

namespace nuring::log {

// Sink takes lines in order and writes them out.
// Threads: one owner, the flusher.
// Errors:  write() and end_batch() do not fail; a sink that cannot write counts the lines that it lost.
class Sink {
  public:
    virtual ~Sink() = default;
    virtual void write(const Line& line) = 0;
    // All lines so far must reach the system now.
    virtual void end_batch() {}
    // Opens the file again, after another program has moved it away; other sinks: FAILED_PRECONDITION.
    virtual absl::Status reopen() {
        return absl::FailedPreconditionError("File log re-open ignored, not a file logger");
    }

    // Lines lost since the last call, and why the last of them was.
    uint64_t take_lost_count() { return std::exchange(lost_count_, 0); }
    const std::string& lost_reason() const { return lost_reason_; }

  protected:
    void count_lost(uint64_t count, std::string_view reason) {
        lost_count_ += count;
        lost_reason_ = reason;
    }

  private:
    uint64_t lost_count_ = 0;
    std::string lost_reason_;
};

// StderrSink writes to a descriptor that it does not own: a terminal, a pipe, a journal's socket.
// Threads: as Sink.
// Limits:  a reader that does not read delays the flusher by kWriteWaitMax_ms once; then lines are lost at
//          once until it reads again: a stuck pipe must not keep the control thread from its signals.
// Errors:  lines that could not be written count as lost.
class StderrSink : public Sink {
  public:
    static constexpr int kWriteWaitMax_ms = 1000;

    // Colours the labels if the descriptor is a character device.
    StderrSink(LineFormat format, int fd);
    void write(const Line& line) override;
    void end_batch() override;

  private:
    const int fd_;
    LineWriter writer_;
    std::string batch_;
    uint64_t batch_count_ = 0;
    bool stuck_ = false;  // the last batch waited in vain
    bool torn_ = false;   // the last line that went out has no end
};

struct FileSinkOptions {
    std::string path;
    LineFormat format;
    uint64_t size_limit_bytes = 0;  // 0: never rotates by itself
    uint32_t file_count_max = 0;    // with rotation: the log and its backups; 0: keeps all
};

// FileSink appends to a file. Beyond its size limit the file is renamed to
// "<path>.YYYY.MM.DD.hh.mm.ss.nnnnnnnnn", and a new one is begun; the oldest backups beyond file_count_max
// are removed.
// Threads: as Sink.
// Errors:  create() and reopen() return a Status; a failed write (full disk) loses its lines; a failed
//          rotation doubles the limit, so that it is tried again, but not at each line.
// Source:  logger/log.go v2.10.20 (names, texts, order of steps).
class FileSink : public Sink {
  public:
    static absl::StatusOr<std::unique_ptr<FileSink>> create(const FileSinkOptions& options);
    ~FileSink() override;
    FileSink(const FileSink&) = delete;
    FileSink& operator=(const FileSink&) = delete;

    void write(const Line& line) override;
    void end_batch() override;
    absl::Status reopen() override;

  private:
    explicit FileSink(const FileSinkOptions& options);
    absl::Status open();
    void rotate(uint64_t time_ns);
    void purge(uint64_t time_ns);
    // A line of the sink itself; does not rotate again.
    void write_own(uint64_t time_ns, Level level, std::string_view text);

    const FileSinkOptions options_;
    LineWriter writer_;
    int fd_ = -1;
    uint64_t size_bytes_ = 0;   // of the file, with the batch
    uint64_t limit_bytes_ = 0;  // in force; grows while rotation fails
    std::string batch_;
    uint64_t batch_count_ = 0;
    bool torn_ = false;  // the last line in the file has no end
};

}  // namespace nuring::log

// SPDX-License-Identifier: Apache-2.0
// The writing side of the log: what workers, the control thread and jobs threads call.
#pragma once

#include <fmt/format.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "core/log/line.h"
#include "core/log/line_ring.h"

namespace nuring::log {

// The owner's clock, and its way to wake the thread that flushes. Writing threads call both, so they must not
// block.
struct WallClock {
    uint64_t (*now_ns)(void*) = nullptr;  // wall clock, since 1970
    void* state = nullptr;
};
struct FlushWake {
    void (*wake)(void*) = nullptr;  // null: the flusher is called regularly anyway
    void* state = nullptr;
};

struct LoggerOptions {
    uint32_t writer_count = 1;       // one per thread that logs
    size_t ring_bytes = 2 << 20;     // per writer; a power of two, at least 2 * kLineBytesMax
    bool debug = false;
    bool trace = false;
    WallClock clock;  // null: every line is of 1970
    FlushWake wake;
};

class Logger;

// Writer is one thread's end of the log. A line is formatted into the thread's ring and the call
// returns; the flusher (log_flush.h) writes it later.
// Threads: each writer belongs to one thread; different writers are independent.
// Limits:  kLineBytesMax per line, LoggerOptions::ring_bytes of lines not yet flushed, of which debug
//          and trace may use three quarters, so that a flood of traces leaves room for the others.
// Errors:  a line that does not fit is dropped and counted; the flusher logs how many.
// Lifetime: that of its Logger.
class Writer {
  public:
    Writer(Logger& logger, size_t ring_bytes);
    Writer(const Writer&) = delete;
    Writer& operator=(const Writer&) = delete;

    inline bool debug_enabled() const;
    inline bool trace_enabled() const;
    // True: the ring of some thread is so full that traces may soon be lost. A caller that is about to write
    // many of them waits then (delivery/log_gate.h): tracing slows a server down, but is complete.
    bool crowded() const;

    template <class... Args>
    void info(fmt::format_string<Args...> format, Args&&... args) {
        write(Level::kInfo, format, fmt::make_format_args(args...));
    }
    template <class... Args>
    void debug(fmt::format_string<Args...> format, Args&&... args) {
        if (debug_enabled()) write(Level::kDebug, format, fmt::make_format_args(args...));
    }
    template <class... Args>
    void warn(fmt::format_string<Args...> format, Args&&... args) {
        write(Level::kWarn, format, fmt::make_format_args(args...));
    }
    template <class... Args>
    void error(fmt::format_string<Args...> format, Args&&... args) {
        write(Level::kError, format, fmt::make_format_args(args...));
    }
    // Only logs; the caller flushes (Flusher::flush_all) and exits.
    template <class... Args>
    void fatal(fmt::format_string<Args...> format, Args&&... args) {
        write(Level::kFatal, format, fmt::make_format_args(args...));
    }
    template <class... Args>
    void trace(fmt::format_string<Args...> format, Args&&... args) {
        if (trace_enabled()) write(Level::kTrace, format, fmt::make_format_args(args...));
    }

    // These two write whatever the switches say; the functions above call them.
    void write(Level level, fmt::string_view format, fmt::format_args args);
    void write_text(Level level, std::string_view text);

  private:
    friend class Flusher;

    Logger& logger_;
    LineRing ring_;
    const size_t spare_bytes_;  // what debug and trace leave free
    const std::unique_ptr<char[]> scratch_;
    // Relaxed on both sides: a count, taken by the flusher with exchange.
    std::atomic<uint64_t> dropped_count_ = 0;
};

// Logger is the log of one server: its writers and its switches. There is no global one.
// Threads: writer() and the switches from any thread; each Writer on its own thread.
// Lifetime: outlives its writers' threads and its Flusher.
class Logger {
  public:
    explicit Logger(const LoggerOptions& options);
    Logger(const Logger&) = delete;
    Logger& operator=(const Logger&) = delete;

    uint32_t writer_count() const { return static_cast<uint32_t>(writers_.size()); }
    Writer& writer(uint32_t index) { return *writers_[index]; }

    bool debug_enabled() const { return debug_.load(std::memory_order_relaxed); }
    bool trace_enabled() const { return trace_.load(std::memory_order_relaxed); }
    // At reload. Relaxed: a writer may see the old value for a few lines more.
    void set_debug(bool on) { debug_.store(on, std::memory_order_relaxed); }
    void set_trace(bool on) { trace_.store(on, std::memory_order_relaxed); }

    uint64_t now_ns() const { return clock_.now_ns(clock_.state); }

  private:
    friend class Writer;
    friend class Flusher;

    // Called by a writer after a line is in its ring.
    void note_pending() {
        // Pairs with Flusher::drain(): both are read-modify-writes, so either the flusher clears the flag
        // after this, and sees the line, or this finds the flag clear, and wakes it.
        if (!pending_.exchange(true, std::memory_order_acq_rel) && wake_.wake != nullptr) {
            wake_.wake(wake_.state);
        }
    }

    const WallClock clock_;
    const FlushWake wake_;
    std::atomic<bool> debug_;
    std::atomic<bool> trace_;
    alignas(64) std::atomic<bool> pending_ = false;
    std::vector<std::unique_ptr<Writer>> writers_;
};

inline bool Writer::debug_enabled() const {
    return logger_.debug_enabled();
}
inline bool Writer::trace_enabled() const {
    return logger_.trace_enabled();
}

}  // namespace nuring::log

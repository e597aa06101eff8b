// SPDX-License-Identifier: Apache-2.0
#include "core/log/log_flush.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <utility>

#include "core/log/syslog_sink.h"

namespace nuring::log {
namespace {

// Larger buffers of a drain are freed, so that one burst does not hold memory for ever.
constexpr size_t kTextsKeptBytesMax = 1024 * 1024;

}  // namespace

absl::StatusOr<std::unique_ptr<Sink>> open_sink(const LogOutput& output) {
    LineFormat format;
    format.pid = output.pid;
    format.logtime = output.logtime;
    format.logtime_utc = output.logtime_utc;
    format.json = output.json;
    if (!output.file.empty()) {
        return FileSink::create(
            {output.file, format, output.file_size_limit_bytes, output.file_count_max});
    }
    if (output.syslog || !output.remote_syslog.empty()) {
        return SyslogSink::create({output.remote_syslog, output.program, output.pid});
    }
    return std::make_unique<StderrSink>(format, STDERR_FILENO);
}

Flusher::Flusher(Logger& logger, std::unique_ptr<Sink> sink)
    : logger_(logger), sink_(std::move(sink)) {
    assert(sink_ != nullptr);
}

Flusher::~Flusher() {
    flush_all();
}

size_t Flusher::drain() {
    // Acquire: pairs with Logger::note_pending(); lines whose writer found the flag set are visible.
    logger_.pending_.exchange(false, std::memory_order_acq_rel);
    ordered_.clear();
    texts_.clear();
    uint32_t writers_with_lines = 0;
    for (const std::unique_ptr<Writer>& writer : logger_.writers_) {
        drained_.clear();
        writer->ring_.drain(drained_, texts_);
        uint64_t order_ns = 0;
        for (const LineRing::Drained& line : drained_) {
            order_ns = std::max(order_ns, line.time_ns);
            ordered_.push_back({order_ns, line});
        }
        if (!drained_.empty()) ++writers_with_lines;
    }
    if (writers_with_lines > 1) {
        std::stable_sort(ordered_.begin(), ordered_.end(), [](const Ordered& a, const Ordered& b) {
            return a.order_ns < b.order_ns;
        });
    }
    for (const Ordered& entry : ordered_) {
        const std::string_view text(texts_.data() + entry.line.text_offset, entry.line.text_bytes);
        sink_->write({entry.line.time_ns, entry.line.level, text});
    }
    const size_t count = ordered_.size();
    report_dropped();
    end_batch();
    if (texts_.capacity() > kTextsKeptBytesMax) {
        texts_ = {};
        ordered_ = {};
        drained_ = {};
    }
    return count;
}

void Flusher::report_dropped() {
    uint64_t count = 0;
    for (const std::unique_ptr<Writer>& writer : logger_.writers_) {
        count += writer->dropped_count_.exchange(0, std::memory_order_relaxed);
    }
    if (count == 0) return;
    dropped_count_ += count;
    // Straight to the sink: the ring of a writer was full.
    const std::string text = fmt::format("Log could not keep up, {} lines dropped", count);
    sink_->write({logger_.now_ns(), Level::kWarn, text});
}

void Flusher::collect_lost_counts() {
    if (const uint64_t count = sink_->take_lost_count(); count > 0) {
        dropped_count_ += count;
        lost_count_ += count;
        lost_reason_ = sink_->lost_reason();
    }
}

void Flusher::end_batch() {
    collect_lost_counts();
    const uint64_t reported = lost_count_;
    if (reported > 0) {
        const std::string text =
            fmt::format("Could not write log, {} lines lost: {}", reported, lost_reason_);
        sink_->write({logger_.now_ns(), Level::kWarn, text});
    }
    sink_->end_batch();
    collect_lost_counts();
    // If anything was lost just now, the report was lost with it. It does not count, and is written again.
    if (reported == 0) return;
    if (lost_count_ == reported) {
        lost_count_ = 0;
    } else {
        --lost_count_;
        --dropped_count_;
    }
}

void Flusher::flush_all() {
    // One pass takes every line that was in the rings before the call.
    drain();
}

void Flusher::replace(std::unique_ptr<Sink> sink) {
    assert(sink != nullptr);
    flush_all();
    sink_ = std::move(sink);
    if (lost_count_ > 0) end_batch();  // reports what the former sink has lost
}

absl::Status Flusher::reopen() {
    drain();
    const absl::Status status = sink_->reopen();
    if (status.ok()) {
        write(Level::kInfo, "File log re-opened");
    } else if (absl::IsFailedPrecondition(status)) {
        write(Level::kInfo, std::string(status.message()));
    } else {
        write(Level::kError, std::string(status.message()));
    }
    return status;
}

void Flusher::write(Level level, std::string_view text) {
    drain();
    sink_->write({logger_.now_ns(), level, text});
    end_batch();
}

}  // namespace nuring::log

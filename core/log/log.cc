// SPDX-License-Identifier: Apache-2.0
#include "core/log/log.h"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace nuring::log {
namespace {

constexpr std::string_view kCutMark = "...";

// The clock of a test or a tool that does not care: 1970.
uint64_t no_clock(void*) {
    return 0;
}

}  // namespace

Writer::Writer(Logger& logger, size_t ring_bytes)
    : logger_(logger),
      ring_(ring_bytes),
      spare_bytes_(ring_bytes / 4),
      scratch_(std::make_unique_for_overwrite<char[]>(kLineBytesMax)) {}

void Writer::write(Level level, fmt::string_view format, fmt::format_args args) {
    const auto end = fmt::vformat_to_n(scratch_.get(), kLineBytesMax, format, args);
    size_t size = end.size;
    if (size > kLineBytesMax) {
        size = kLineBytesMax;
        std::memcpy(scratch_.get() + size - kCutMark.size(), kCutMark.data(), kCutMark.size());
    }
    write_text(level, {scratch_.get(), size});
}

void Writer::write_text(Level level, std::string_view text) {
    const bool verbose = level == Level::kDebug || level == Level::kTrace;
    const Line line = {logger_.now_ns(), level, text.substr(0, kLineBytesMax)};
    if (!ring_.push(line, verbose ? spare_bytes_ : 0)) {
        dropped_count_.fetch_add(1, std::memory_order_relaxed);
    }
    logger_.note_pending();
}

bool Writer::crowded() const {
    return std::any_of(logger_.writers_.begin(), logger_.writers_.end(), [](const auto& writer) {
        return writer->ring_.waiting_bytes() > writer->ring_.capacity() / 2;
    });
}

Logger::Logger(const LoggerOptions& options)
    : clock_(options.clock.now_ns != nullptr ? options.clock : WallClock{no_clock, nullptr}),
      wake_(options.wake),
      debug_(options.debug),
      trace_(options.trace) {
    assert(options.writer_count > 0);
    writers_.reserve(options.writer_count);
    for (uint32_t i = 0; i < options.writer_count; ++i) {
        writers_.push_back(std::make_unique<Writer>(*this, options.ring_bytes));
    }
}

}  // namespace nuring::log

// SPDX-License-Identifier: Apache-2.0
#include "core/log/log.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/log/log_flush.h"

namespace nuring::log {
namespace {

// A clock that tests set.
struct FakeClock {
    std::atomic<uint64_t> time_ns = 1000;
    WallClock clock() {
        return {[](void* state) { return static_cast<FakeClock*>(state)->time_ns.load(); }, this};
    }
};

struct KeptLine {
    uint64_t time_ns;
    Level level;
    std::string text;
    bool operator==(const KeptLine&) const = default;
};

// A sink that keeps its lines for the test.
class KeepingSink : public Sink {
  public:
    explicit KeepingSink(std::vector<KeptLine>& lines) : lines_(lines) {}
    void write(const Line& line) override {
        lines_.push_back({line.time_ns, line.level, std::string(line.text)});
    }
    void lose_one() { count_lost(1, "disk full"); }

  private:
    std::vector<KeptLine>& lines_;
};

// A sink on a disk that may be full: its lines reach the test at the end of a batch, or never.
class FullDiskSink : public Sink {
  public:
    FullDiskSink(std::vector<std::string>& lines, const bool& full) : lines_(lines), full_(full) {}
    void write(const Line& line) override { batch_.emplace_back(line.text); }
    void end_batch() override {
        if (full_) {
            count_lost(batch_.size(), "disk full");
        } else {
            lines_.insert(lines_.end(), batch_.begin(), batch_.end());
        }
        batch_.clear();
    }

  private:
    std::vector<std::string>& lines_;
    const bool& full_;
    std::vector<std::string> batch_;
};

LoggerOptions options_of(FakeClock& clock) {
    LoggerOptions options;
    options.clock = clock.clock();
    options.ring_bytes = 64 * 1024;
    return options;
}

TEST(LoggerTest, WritesLinesWithLevelAndTime) {
    FakeClock clock;
    Logger logger(options_of(clock));
    std::vector<KeptLine> lines;
    Flusher flusher(logger, std::make_unique<KeepingSink>(lines));
    Writer& log = logger.writer(0);
    log.info("Listening for client connections on {}:{}", "0.0.0.0", 4222);
    clock.time_ns = 2000;
    log.warn("w");
    log.error("e");
    log.fatal("f");
    EXPECT_EQ(flusher.drain(), 4U);
    const std::vector<KeptLine> expected = {
        {1000, Level::kInfo, "Listening for client connections on 0.0.0.0:4222"},
        {2000, Level::kWarn, "w"},
        {2000, Level::kError, "e"},
        {2000, Level::kFatal, "f"},
    };
    EXPECT_EQ(lines, expected);
    EXPECT_EQ(flusher.drain(), 0U);
}

TEST(LoggerTest, DebugAndTraceAreShownOnlyWhenSwitchedOn) {
    FakeClock clock;
    Logger logger(options_of(clock));
    std::vector<KeptLine> lines;
    Flusher flusher(logger, std::make_unique<KeepingSink>(lines));
    Writer& log = logger.writer(0);
    log.debug("no");
    log.trace("no");
    EXPECT_EQ(flusher.drain(), 0U);
    logger.set_debug(true);
    EXPECT_TRUE(log.debug_enabled());
    EXPECT_FALSE(log.trace_enabled());
    log.debug("d");
    logger.set_trace(true);
    log.trace("t");
    EXPECT_EQ(flusher.drain(), 2U);
    EXPECT_EQ(lines[0].level, Level::kDebug);
    EXPECT_EQ(lines[1].level, Level::kTrace);
}

TEST(LoggerTest, CutsALongLine) {
    FakeClock clock;
    Logger logger(options_of(clock));
    std::vector<KeptLine> lines;
    Flusher flusher(logger, std::make_unique<KeepingSink>(lines));
    logger.writer(0).info("{}", std::string(kLineBytesMax, 'x'));
    flusher.drain();
    logger.writer(0).info("{}", std::string(kLineBytesMax + 1, 'y'));
    flusher.drain();
    ASSERT_EQ(lines.size(), 2U);
    EXPECT_TRUE(lines[0].text == std::string(kLineBytesMax, 'x'));
    EXPECT_TRUE(lines[1].text == std::string(kLineBytesMax - 3, 'y') + "...");
}

// Before a trace is lost, whoever causes many of them can know, also if they are another thread's.
TEST(LoggerTest, IsCrowdedBeforeItLosesATrace) {
    FakeClock clock;
    LoggerOptions options = options_of(clock);
    options.writer_count = 2;
    options.trace = true;
    Logger logger(options);
    std::vector<KeptLine> lines;
    Flusher flusher(logger, std::make_unique<KeepingSink>(lines));
    size_t written = 0;
    for (; !logger.writer(0).crowded() && written < 10'000; ++written) {
        logger.writer(1).trace("one hundred bytes, or nearly so: {:60}", written);
    }
    EXPECT_GT(written, 100U);
    EXPECT_TRUE(logger.writer(1).crowded());
    EXPECT_EQ(flusher.drain(), written);
    EXPECT_FALSE(logger.writer(0).crowded());
}

TEST(LoggerTest, AFullRingCountsWhatItDropsAndSaysSo) {
    FakeClock clock;
    Logger logger(options_of(clock));
    std::vector<KeptLine> lines;
    Flusher flusher(logger, std::make_unique<KeepingSink>(lines));
    const std::string text(1000, 'x');
    for (int i = 0; i < 100; ++i) logger.writer(0).info("{}", text);  // 64 fit
    EXPECT_EQ(flusher.drain(), 64U);
    ASSERT_EQ(lines.size(), 65U);
    EXPECT_EQ(lines.back().level, Level::kWarn);
    EXPECT_EQ(lines.back().text, "Log could not keep up, 36 lines dropped");
    EXPECT_EQ(flusher.dropped_count(), 36U);
    logger.writer(0).info("again");
    EXPECT_EQ(flusher.drain(), 1U);
}

TEST(LoggerTest, WhatAFullDiskTookIsCountedUntilTheReportArrives) {
    FakeClock clock;
    Logger logger(options_of(clock));
    std::vector<std::string> lines;
    bool full = true;
    Flusher flusher(logger, std::make_unique<FullDiskSink>(lines, full));
    for (int i = 0; i < 3; ++i) {
        logger.writer(0).info("a");
        logger.writer(0).info("b");
        flusher.drain();
    }
    full = false;
    logger.writer(0).info("c");
    flusher.drain();
    const std::vector<std::string> expected = {"c", "Could not write log, 6 lines lost: disk full"};
    EXPECT_EQ(lines, expected);
    logger.writer(0).info("d");
    flusher.drain();
    EXPECT_EQ(lines.size(), 3U);
    EXPECT_EQ(flusher.dropped_count(), 6U);
}

TEST(LoggerTest, ANewSinkTellsWhatTheFormerOneLost) {
    FakeClock clock;
    Logger logger(options_of(clock));
    std::vector<std::string> before;
    std::vector<std::string> after;
    bool full = true;
    const bool empty = false;
    Flusher flusher(logger, std::make_unique<FullDiskSink>(before, full));
    logger.writer(0).info("a");
    flusher.drain();
    logger.writer(0).info("b");
    flusher.replace(std::make_unique<FullDiskSink>(after, empty));
    const std::vector<std::string> expected = {"Could not write log, 2 lines lost: disk full"};
    EXPECT_EQ(after, expected);
    EXPECT_TRUE(before.empty());
    EXPECT_EQ(flusher.dropped_count(), 2U);
}

TEST(LoggerTest, AFloodOfTracesLeavesRoomForErrors) {
    FakeClock clock;
    Logger logger(options_of(clock));
    logger.set_trace(true);
    std::vector<KeptLine> lines;
    Flusher flusher(logger, std::make_unique<KeepingSink>(lines));
    const std::string text(1000, 'x');
    for (int i = 0; i < 1000; ++i) logger.writer(0).trace("{}", text);
    logger.writer(0).error("still here");
    EXPECT_EQ(flusher.drain(), 49U);  // three quarters of 64, and the error
    EXPECT_EQ(lines[48].text, "still here");
}

TEST(LoggerTest, MergesWritersByTimeAndKeepsEachWritersOrder) {
    FakeClock clock;
    LoggerOptions options = options_of(clock);
    options.writer_count = 2;
    Logger logger(options);
    std::vector<KeptLine> lines;
    Flusher flusher(logger, std::make_unique<KeepingSink>(lines));
    const auto at = [&](uint64_t time_ns, uint32_t writer, const char* text) {
        clock.time_ns = time_ns;
        logger.writer(writer).info("{}", text);
    };
    at(30, 1, "b1");
    at(10, 0, "a1");
    at(20, 0, "a2");
    at(40, 0, "a3");
    at(5, 0, "a4");  // the clock stepped back
    at(50, 1, "b2");
    flusher.drain();
    std::string order;
    for (const KeptLine& line : lines) order += line.text + ' ';
    EXPECT_EQ(order, "a1 a2 b1 a3 a4 b2 ");
}

TEST(LoggerTest, WakesOncePerDrain) {
    FakeClock clock;
    int wakes = 0;
    LoggerOptions options = options_of(clock);
    options.wake = {[](void* state) { ++*static_cast<int*>(state); }, &wakes};
    Logger logger(options);
    std::vector<KeptLine> lines;
    Flusher flusher(logger, std::make_unique<KeepingSink>(lines));
    logger.writer(0).info("1");
    logger.writer(0).info("2");
    EXPECT_EQ(wakes, 1);
    flusher.drain();
    logger.writer(0).info("3");
    EXPECT_EQ(wakes, 2);
}

TEST(LoggerTest, LosesNoLineBetweenManyThreads) {
    // Four threads write while the flusher drains whenever it is woken; every line must arrive, in
    // its thread's order, without a poll: the last wake must cover the last line.
    constexpr uint32_t kThreads = 4;
    constexpr uint32_t kLines = 3000;
    FakeClock clock;
    std::atomic<uint32_t> wakes = 0;
    LoggerOptions options = options_of(clock);
    options.ring_bytes = 1024 * 1024;  // room for all, so that none may be missing
    options.writer_count = kThreads;
    options.wake = {[](void* state) {
                        auto* count = static_cast<std::atomic<uint32_t>*>(state);
                        count->fetch_add(1);
                        count->notify_one();
                    },
                    &wakes};
    Logger logger(options);
    std::vector<KeptLine> lines;
    Flusher flusher(logger, std::make_unique<KeepingSink>(lines));
    std::vector<std::thread> threads;
    for (uint32_t t = 0; t < kThreads; ++t) {
        threads.emplace_back([&logger, &clock, t] {
            for (uint32_t i = 0; i < kLines; ++i) {
                clock.time_ns.fetch_add(1);
                logger.writer(t).info("{} {}", t, i);
            }
        });
    }
    size_t count = 0;
    uint32_t wakes_seen = 0;
    while (count < size_t{kThreads} * kLines) {
        wakes.wait(wakes_seen);
        wakes_seen = wakes.load();
        count += flusher.drain();
    }
    for (std::thread& thread : threads) thread.join();
    ASSERT_EQ(lines.size(), size_t{kThreads} * kLines);
    std::vector<uint32_t> next(kThreads, 0);
    for (const KeptLine& line : lines) {
        const uint32_t thread = static_cast<uint32_t>(line.text[0] - '0');
        EXPECT_EQ(line.text, fmt::format("{} {}", thread, next[thread]++));
    }
}

TEST(FlusherTest, WritesItsOwnLinesAfterTheWaitingOnes) {
    FakeClock clock;
    Logger logger(options_of(clock));
    std::vector<KeptLine> lines;
    Flusher flusher(logger, std::make_unique<KeepingSink>(lines));
    logger.writer(0).info("first");
    flusher.write(Level::kWarn, "second");
    ASSERT_EQ(lines.size(), 2U);
    EXPECT_EQ(lines[0].text, "first");
    EXPECT_EQ(lines[1].text, "second");
}

TEST(FlusherTest, ReportsWhatTheSinkLost) {
    FakeClock clock;
    Logger logger(options_of(clock));
    std::vector<KeptLine> lines;
    auto sink = std::make_unique<KeepingSink>(lines);
    sink->lose_one();
    Flusher flusher(logger, std::move(sink));
    flusher.drain();
    ASSERT_EQ(lines.size(), 1U);
    EXPECT_EQ(lines[0].text, "Could not write log, 1 lines lost: disk full");
}

TEST(FlusherTest, ReplacesTheSinkBetweenLines) {
    FakeClock clock;
    Logger logger(options_of(clock));
    std::vector<KeptLine> before;
    std::vector<KeptLine> after;
    Flusher flusher(logger, std::make_unique<KeepingSink>(before));
    logger.writer(0).info("1");
    flusher.replace(std::make_unique<KeepingSink>(after));
    logger.writer(0).info("2");
    flusher.flush_all();
    ASSERT_EQ(before.size(), 1U);
    ASSERT_EQ(after.size(), 1U);
    EXPECT_EQ(after[0].text, "2");
}

TEST(FlusherTest, SaysThatOnlyAFileCanBeReopened) {
    FakeClock clock;
    Logger logger(options_of(clock));
    std::vector<KeptLine> lines;
    Flusher flusher(logger, std::make_unique<KeepingSink>(lines));
    EXPECT_FALSE(flusher.reopen().ok());
    ASSERT_EQ(lines.size(), 1U);
    EXPECT_EQ(lines[0].text, "File log re-open ignored, not a file logger");
}

TEST(FlusherTest, FlushesAtItsEnd) {
    FakeClock clock;
    Logger logger(options_of(clock));
    std::vector<KeptLine> lines;
    {
        Flusher flusher(logger, std::make_unique<KeepingSink>(lines));
        logger.writer(0).info("last words");
    }
    ASSERT_EQ(lines.size(), 1U);
}

}  // namespace
}  // namespace nuring::log

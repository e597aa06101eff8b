// SPDX-License-Identifier: Apache-2.0
#include "core/log/sink.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "core/log/log_flush.h"

namespace nuring::log {
namespace {

namespace fs = std::filesystem;

// A folder of its own for each test, gone at its end.
class FileSinkTest : public testing::Test {
  protected:
    FileSinkTest() {
        std::string name = testing::TempDir() + "nuring-log-XXXXXX";
        folder_ = ::mkdtemp(name.data());
    }
    ~FileSinkTest() override {
        std::error_code ignored;
        fs::remove_all(folder_, ignored);
    }

    FileSinkOptions options() const {
        FileSinkOptions result;
        result.path = folder_ / "server.log";
        result.format.pid = 9;
        result.format.logtime = false;
        return result;
    }
    static std::string content(const fs::path& path) {
        std::ifstream in(path);
        return {std::istreambuf_iterator<char>(in), {}};
    }
    std::vector<std::string> names() const {
        std::vector<std::string> result;
        for (const auto& entry : fs::directory_iterator(folder_)) {
            result.push_back(entry.path().filename().string());
        }
        std::sort(result.begin(), result.end());
        return result;
    }

    fs::path folder_;
};

TEST_F(FileSinkTest, AppendsToTheFile) {
    std::ofstream(folder_ / "server.log") << "before\n";
    auto sink = FileSink::create(options());
    ASSERT_TRUE(sink.ok());
    (*sink)->write({0, Level::kInfo, "one"});
    (*sink)->write({0, Level::kDebug, "two"});
    (*sink)->end_batch();
    EXPECT_EQ(content(folder_ / "server.log"), "before\n[9] [INF] one\n[9] [DBG] two\n");
}

TEST_F(FileSinkTest, OpensWithTheReferencesMode) {
    const mode_t mask = ::umask(0);
    auto sink = FileSink::create(options());
    ::umask(mask);
    ASSERT_TRUE(sink.ok());
    struct stat status;
    ASSERT_EQ(::stat((folder_ / "server.log").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0660U);
}

TEST_F(FileSinkTest, SaysWhyAFileCannotBeOpened) {
    FileSinkOptions missing = options();
    missing.path = folder_ / "missing" / "server.log";
    const auto sink = FileSink::create(missing);
    ASSERT_FALSE(sink.ok());
    EXPECT_EQ(std::string(sink.status().message()),
              "error opening file: open " + missing.path + ": no such file or directory");
}

TEST_F(FileSinkTest, ReopensAfterARename) {
    auto sink = FileSink::create(options());
    ASSERT_TRUE(sink.ok());
    (*sink)->write({0, Level::kInfo, "old"});
    fs::rename(folder_ / "server.log", folder_ / "server.log.1");
    ASSERT_TRUE((*sink)->reopen().ok());
    (*sink)->write({0, Level::kInfo, "new"});
    (*sink)->end_batch();
    EXPECT_EQ(content(folder_ / "server.log.1"), "[9] [INF] old\n");
    EXPECT_EQ(content(folder_ / "server.log"), "[9] [INF] new\n");
}

TEST_F(FileSinkTest, KeepsTheOldFileWhenItCannotReopen) {
    auto sink = FileSink::create(options());
    ASSERT_TRUE(sink.ok());
    fs::rename(folder_ / "server.log", folder_ / "kept");
    fs::create_directory(folder_ / "server.log");  // in the way
    EXPECT_FALSE((*sink)->reopen().ok());
    (*sink)->write({0, Level::kInfo, "goes on"});
    (*sink)->end_batch();
    EXPECT_EQ(content(folder_ / "kept"), "[9] [INF] goes on\n");
}

TEST_F(FileSinkTest, RotatesAboveTheSizeLimit) {
    ::setenv("TZ", "UTC", 1);
    ::tzset();
    FileSinkOptions limited = options();
    limited.size_limit_bytes = 300;
    auto sink = FileSink::create(limited);
    ASSERT_TRUE(sink.ok());
    const std::string text(290, 'x');  // 301 bytes as a line
    (*sink)->write({1'795'240'800'123'456'789, Level::kInfo, text});
    (*sink)->write({1'795'240'800'123'456'790, Level::kInfo, "next"});
    (*sink)->end_batch();
    const std::string backup = "server.log.2026.11.21.06.00.00.123456789";
    EXPECT_EQ(names(), (std::vector<std::string>{"server.log", backup}));
    EXPECT_EQ(content(folder_ / backup), "[9] [INF] " + text + "\n");
    EXPECT_EQ(content(folder_ / "server.log"), "[9] [INF] Rotated log, backup saved as \"" +
                                                   (folder_ / backup).string() +
                                                   "\"\n[9] [INF] next\n");
    ::unsetenv("TZ");
    ::tzset();
}

// As in a server whose connections have taken all descriptors.
TEST_F(FileSinkTest, RotatesLaterWhenTheNewFileCannotBeOpened) {
    FileSinkOptions limited = options();
    limited.size_limit_bytes = 300;
    auto sink = FileSink::create(limited);
    ASSERT_TRUE(sink.ok());
    const std::string text(290, 'x');
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    const rlimit none{.rlim_cur = 0, .rlim_max = before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
    (*sink)->write({1, Level::kInfo, text});
    (*sink)->end_batch();
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
    EXPECT_EQ(names(), std::vector<std::string>{"server.log"});
    EXPECT_NE(content(folder_ / "server.log").find("too many open files"), std::string::npos);
    (*sink)->write({2, Level::kInfo, text});
    (*sink)->end_batch();
    EXPECT_EQ(names().size(), 2U);
    EXPECT_NE(content(folder_ / "server.log").find("Rotated log"), std::string::npos);
}

TEST_F(FileSinkTest, KeepsOnlySoManyFiles) {
    std::ofstream(folder_ / "server.log.other") << "not ours\n";
    FileSinkOptions limited = options();
    limited.size_limit_bytes = 300;
    limited.file_count_max = 3;
    auto sink = FileSink::create(limited);
    ASSERT_TRUE(sink.ok());
    const std::string text(290, 'x');
    for (uint64_t i = 1; i <= 5; ++i) (*sink)->write({i, Level::kInfo, text});
    (*sink)->end_batch();
    const std::vector<std::string> found = names();
    ASSERT_EQ(found.size(), 4U);  // the log, two backups, and what is not ours
    EXPECT_TRUE(found[1].ends_with(".000000004"));
    EXPECT_TRUE(found[2].ends_with(".000000005"));
    EXPECT_EQ(found[3], "server.log.other");
    EXPECT_NE(content(folder_ / "server.log").find("Purged log file"), std::string::npos);
}

TEST_F(FileSinkTest, CountsLinesThatAFullDiskLoses) {
    FileSinkOptions full = options();
    full.path = "/dev/full";
    auto sink = FileSink::create(full);
    if (!sink.ok()) GTEST_SKIP() << "no /dev/full here";
    (*sink)->write({0, Level::kInfo, "one"});
    (*sink)->write({0, Level::kInfo, "two"});
    (*sink)->end_batch();
    EXPECT_EQ((*sink)->take_lost_count(), 2U);
    EXPECT_EQ((*sink)->lost_reason(), "no space left on device");
    EXPECT_EQ((*sink)->take_lost_count(), 0U);
}

// As on a disk that was full for a while.
TEST_F(FileSinkTest, TheNextLineDoesNotJoinOneThatWasCutOff) {
    auto sink = FileSink::create(options());
    ASSERT_TRUE(sink.ok());
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
    (void)std::signal(SIGXFSZ, SIG_IGN);
    const rlimit full{.rlim_cur = 12, .rlim_max = before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &full), 0);
    (*sink)->write({0, Level::kInfo, "lost"});
    (*sink)->end_batch();
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
    EXPECT_EQ((*sink)->take_lost_count(), 1U);
    (*sink)->write({0, Level::kInfo, "next"});
    (*sink)->end_batch();
    EXPECT_EQ(content(folder_ / "server.log"), "[9] [INF] lo\n[9] [INF] next\n");
}

TEST_F(FileSinkTest, IsWhatAnOutputWithAFileOpens) {
    LogOutput output;
    output.file = folder_ / "server.log";
    output.json = true;
    output.pid = 3;
    auto sink = open_sink(output);
    ASSERT_TRUE(sink.ok());
    (*sink)->write({0, Level::kInfo, "x"});
    (*sink)->end_batch();
    EXPECT_EQ(
        content(folder_ / "server.log"),
        "{\"time\":\"1970-01-01T00:00:00.000000Z\",\"pid\":3,\"level\":\"INF\",\"text\":\"x\"}\n");
}

TEST(StderrSinkTest, WritesToItsDescriptorWithoutColourInAPipe) {
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    LineFormat format;
    format.pid = 5;
    format.logtime = false;
    StderrSink sink(format, ends[1]);
    sink.write({0, Level::kInfo, "hello"});
    sink.end_batch();
    char text[64];
    const ssize_t size = ::read(ends[0], text, sizeof text);
    EXPECT_EQ(std::string(text, static_cast<size_t>(size)), "[5] [INF] hello\n");
    ::close(ends[0]);
    ::close(ends[1]);
}

TEST(StderrSinkTest, AReaderThatIsStuckHoldsUpOnlyOnce) {
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    StderrSink sink(LineFormat{}, ends[1]);
    const std::string text(1000, 'x');
    const auto write_much = [&] {
        const auto begin = std::chrono::steady_clock::now();
        for (int i = 0; i < 2000; ++i) sink.write({0, Level::kInfo, text});
        sink.end_batch();
        return std::chrono::steady_clock::now() - begin;
    };
    const std::chrono::milliseconds stall(StderrSink::kWriteWaitMax_ms);
    EXPECT_LT(write_much(), 10 * stall);  // each batch for itself: 30
    EXPECT_GT(sink.take_lost_count(), 1800U);
    EXPECT_LT(write_much(), 10 * stall);
    EXPECT_EQ(sink.take_lost_count(), 2000U);
    // When it reads again, it gets whole lines, but for the one that was cut off.
    std::string got(1 << 20, 0);
    got.resize(static_cast<size_t>(::read(ends[0], got.data(), got.size())));
    EXPECT_NE(got.back(), '\n');
    sink.write({0, Level::kInfo, "again"});
    sink.end_batch();
    EXPECT_EQ(sink.take_lost_count(), 0U);
    got.resize(100);
    got.resize(static_cast<size_t>(::read(ends[0], got.data(), got.size())));
    EXPECT_TRUE(got.starts_with("\n["));
    EXPECT_TRUE(got.ends_with("again\n"));
    ::close(ends[0]);
    ::close(ends[1]);
}

}  // namespace
}  // namespace nuring::log

// SPDX-License-Identifier: Apache-2.0
#include "core/log/sink.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <system_error>
#include <vector>

#include "core/base/errno_text.h"
#include "core/base/remedy.h"
#include "core/base/time_units.h"
#include "fmt/format.h"

namespace nuring::log {
namespace {

// A batch is written out when it has grown to this.
constexpr size_t kBatchBytesMax = 64 * 1024;

// Writes until nothing is left. Returns 0 or an errno.
int write_fully(int fd, std::string_view* left) {
    while (!left->empty()) {
        const ssize_t wrote = ::write(fd, left->data(), left->size());
        if (wrote < 0 && errno != EINTR) return errno;
        if (wrote > 0) left->remove_prefix(static_cast<size_t>(wrote));
    }
    return 0;
}

// The same in pieces: the first one waits first_ms at most for room, each later one limit_ms. A piece of
// PIPE_BUF fits whenever poll says that a pipe is writable.
int write_where_room(int fd, std::string_view* left, int first_ms, int limit_ms) {
    for (int wait_ms = first_ms; !left->empty();) {
        pollfd room = {fd, POLLOUT, 0};
        const int ready = ::poll(&room, 1, wait_ms);
        if (ready == 0) return ETIMEDOUT;
        if (ready < 0) {
            if (errno != EINTR) return errno;
            continue;
        }
        const ssize_t wrote = ::write(fd, left->data(), std::min<size_t>(left->size(), PIPE_BUF));
        if (wrote < 0) {
            if (errno != EINTR && errno != EAGAIN) return errno;
            continue;
        }
        left->remove_prefix(static_cast<size_t>(wrote));
        wait_ms = limit_ms;
    }
    return 0;
}

bool is_character_device(int fd) {
    struct stat status;
    return ::fstat(fd, &status) == 0 && S_ISCHR(status.st_mode);
}

LineFormat with_colour(LineFormat format, bool colour) {
    format.colour = colour;
    return format;
}

std::string backup_suffix(uint64_t time_ns) {
    const auto second = static_cast<std::time_t>(time_ns / base::kSecond_ns);
    std::tm at = {};
    localtime_r(&second, &at);
    return fmt::format(".{:04}.{:02}.{:02}.{:02}.{:02}.{:02}.{:09}", at.tm_year + 1900,
                       at.tm_mon + 1, at.tm_mday, at.tm_hour, at.tm_min, at.tm_sec,
                       time_ns % base::kSecond_ns);
}

// True for what backup_suffix() makes: digits in the places of digits, dots in the places of dots.
bool is_backup_suffix(std::string_view text) {
    constexpr std::string_view kShape = ".dddd.dd.dd.dd.dd.dd.ddddddddd";
    if (text.size() != kShape.size()) return false;
    for (size_t i = 0; i < text.size(); ++i) {
        const bool digit = text[i] >= '0' && text[i] <= '9';
        if (kShape[i] == 'd' ? !digit : text[i] != '.') return false;
    }
    return true;
}

}  // namespace

StderrSink::StderrSink(LineFormat format, int fd)
    : fd_(fd), writer_(with_colour(format, is_character_device(fd))) {}

void StderrSink::write(const Line& line) {
    if (batch_.empty() && torn_) batch_ += '\n';
    writer_.append(batch_, line);
    ++batch_count_;
    if (batch_.size() >= kBatchBytesMax) end_batch();
}

void StderrSink::end_batch() {
    std::string_view left = batch_;
    const int error = write_where_room(fd_, &left, stuck_ ? 0 : kWriteWaitMax_ms, kWriteWaitMax_ms);
    stuck_ = error == ETIMEDOUT;
    if (error != 0) count_lost(batch_count_, base::errno_text(error));
    const size_t written = batch_.size() - left.size();
    if (written > 0) torn_ = batch_[written - 1] != '\n';
    batch_.clear();
    batch_count_ = 0;
}

FileSink::FileSink(const FileSinkOptions& options)
    : options_(options),
      writer_(with_colour(options.format, false)),
      limit_bytes_(options.size_limit_bytes) {}

FileSink::~FileSink() {
    if (fd_ < 0) return;
    end_batch();
    ::close(fd_);
}

absl::StatusOr<std::unique_ptr<FileSink>> FileSink::create(const FileSinkOptions& options) {
    std::unique_ptr<FileSink> sink(new FileSink(options));
    if (const absl::Status status = sink->open(); !status.ok()) return status;
    return sink;
}

absl::Status FileSink::open() {
    const int fd = ::open(options_.path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0660);
    if (fd < 0) {
        const int error = errno;
        return absl::UnavailableError(fmt::format("error opening file: open {}: {}{}", options_.path,
                                                  base::errno_text(error), base::file_remedy(error)));
    }
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
    struct stat status;
    size_bytes_ = ::fstat(fd, &status) == 0 ? static_cast<uint64_t>(status.st_size) : 0;
    if (size_bytes_ == 0) torn_ = false;
    return absl::OkStatus();
}

absl::Status FileSink::reopen() {
    end_batch();
    return open();
}

void FileSink::write(const Line& line) {
    const size_t before = batch_.size();
    if (batch_.empty() && torn_) batch_ += '\n';
    writer_.append(batch_, line);
    ++batch_count_;
    size_bytes_ += batch_.size() - before;
    if (limit_bytes_ > 0 && size_bytes_ > limit_bytes_) {
        rotate(line.time_ns);
    } else if (batch_.size() >= kBatchBytesMax) {
        end_batch();
    }
}

void FileSink::end_batch() {
    if (batch_.empty()) return;
    std::string_view left = batch_;
    const int error = write_fully(fd_, &left);
    if (error != 0) count_lost(batch_count_, base::errno_text(error));
    if (left.size() < batch_.size()) torn_ = batch_[batch_.size() - left.size() - 1] != '\n';
    batch_.clear();
    batch_count_ = 0;
}

void FileSink::rotate(uint64_t time_ns) {
    end_batch();
    const std::string backup = options_.path + backup_suffix(time_ns);
    absl::Status status;
    if (std::rename(options_.path.c_str(), backup.c_str()) != 0) {
        status = absl::UnavailableError(base::errno_text(errno));
    } else {
        status = open();
        // The old file stays in use, under its own name, so that it can be rotated later.
        if (!status.ok()) (void)std::rename(backup.c_str(), options_.path.c_str());
    }
    if (!status.ok()) {
        limit_bytes_ *= 2;
        write_own(
            time_ns, Level::kError,
            fmt::format("Unable to rotate logfile ({}), will attempt next rotation at size {}",
                        std::string(status.message()), limit_bytes_));
        return;
    }
    limit_bytes_ = options_.size_limit_bytes;
    write_own(time_ns, Level::kInfo, fmt::format("Rotated log, backup saved as \"{}\"", backup));
    if (options_.file_count_max > 0) purge(time_ns);
}

void FileSink::purge(uint64_t time_ns) {
    namespace fs = std::filesystem;
    const fs::path path = options_.path;
    const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
    const std::string base = path.filename().string();
    std::vector<std::string> backups;
    std::error_code error;
    for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
        const std::string name = it->path().filename().string();
        if (name.starts_with(base) &&
            is_backup_suffix(std::string_view(name).substr(base.size()))) {
            backups.push_back(name);
        }
    }
    if (error) {
        write_own(
            time_ns, Level::kError,
            fmt::format("Unable to read directory \"{}\" for log purge ({}), will attempt next "
                        "rotation",
                        folder.string(), error.message()));
        return;
    }
    std::sort(backups.begin(), backups.end());  // by time, as the names are
    const size_t keep = options_.file_count_max - 1;
    for (size_t i = 0; i + keep < backups.size(); ++i) {
        fs::remove(folder / backups[i], error);
        if (error) {
            write_own(time_ns, Level::kError,
                      fmt::format("Unable to remove backup log file \"{}\" ({}), will attempt next "
                                  "rotation",
                                  backups[i], error.message()));
            return;
        }
        write_own(time_ns, Level::kInfo, fmt::format("Purged log file \"{}\"", backups[i]));
    }
}

void FileSink::write_own(uint64_t time_ns, Level level, std::string_view text) {
    const size_t before = batch_.size();
    if (batch_.empty() && torn_) batch_ += '\n';
    writer_.append(batch_, {time_ns, level, text});
    ++batch_count_;
    size_bytes_ += batch_.size() - before;
}

}  // namespace nuring::log

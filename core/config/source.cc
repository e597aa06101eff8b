// SPDX-License-Identifier: Apache-2.0
#include "core/config/source.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "core/base/errno_text.h"
#include "core/base/remedy.h"
#include "core/config/text.h"

namespace nuring::config {
namespace {

constexpr size_t kReadSize = 64 * 1024;

// "open a.conf: no such file or directory".
absl::Status failure(const char* verb, const std::string& path, int error) {
    return absl::UnavailableError(
        fmt::format("{} {}: {}{}", verb, path, base::errno_text(error), base::file_remedy(error)));
}

class FileDescriptor {
  public:
    explicit FileDescriptor(int fd) : fd_(fd) {}
    FileDescriptor(const FileDescriptor&) = delete;
    FileDescriptor& operator=(const FileDescriptor&) = delete;
    ~FileDescriptor() {
        if (fd_ >= 0) close(fd_);
    }
    int get() const { return fd_; }

  private:
    int fd_;
};

absl::StatusOr<std::string> read_whole_file(const std::string& path) {
    const FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (file.get() < 0) return failure("open", path, errno);
    struct stat status = {};
    if (fstat(file.get(), &status) == 0 && S_ISDIR(status.st_mode)) {
        return failure("read", path, EISDIR);
    }
    std::string out;
    while (out.size() <= kSourceBytesMax) {
        const size_t size = out.size();
        out.resize(size + kReadSize);
        const ssize_t count = read(file.get(), out.data() + size, kReadSize);
        out.resize(size + static_cast<size_t>(count > 0 ? count : 0));
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return failure("read", path, errno);
        if (count == 0) return out;
    }
    return absl::ResourceExhaustedError(
        fmt::format("read {}: larger than {} bytes", path, kSourceBytesMax));
}

}  // namespace

Sources system_sources() {
    return {read_whole_file, [](const std::string& name) -> std::optional<std::string> {
                const char* value = getenv(name.c_str());
                if (value == nullptr) return std::nullopt;
                return value;
            }};
}

}  // namespace nuring::config

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/socket.h>

#include <cerrno>
#include <cstddef>
#include <string>

namespace nuring::bench {

// SendBuffer holds the bytes that an encoding layer has made and a socket has not taken yet.
// Threads: one. Errors: closed() once the socket has failed.
class SendBuffer {
  public:
    std::string& bytes() { return bytes_; }
    bool closed() const { return closed_; }

    // True: the socket has taken everything, and the buffer is empty.
    bool flush(int fd) {
        while (sent_ < bytes_.size()) {
            const ssize_t count =
                ::send(fd, bytes_.data() + sent_, bytes_.size() - sent_, MSG_NOSIGNAL);
            if (count < 0) {
                closed_ = errno != EAGAIN && errno != EINTR;
                return false;
            }
            sent_ += static_cast<size_t>(count);
        }
        bytes_.clear();
        sent_ = 0;
        return true;
    }

  private:
    std::string bytes_;
    size_t sent_ = 0;
    bool closed_ = false;
};

}  // namespace nuring::bench

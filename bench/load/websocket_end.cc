// SPDX-License-Identifier: Apache-2.0
#include "bench/load/websocket_end.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "bench/load/fatal.h"
#include "proto/websocket_upgrade.h"

namespace nuring::bench {
namespace {

constexpr size_t kAreaBytes = 256 << 10;
// Any key but zero makes the server do the work of a mask.
constexpr proto::WebsocketMask::Key kMask = {0x5a, 0xc3, 0x0f, 0x96};

}  // namespace

WebsocketEnd::WebsocketEnd(int fd, const std::string& host) : fd_(fd), area_(new char[kAreaBytes]) {
    const proto::WebsocketDial dial = {
        .path = "/", .host = host, .key = proto::make_websocket_key("nuring-load-0001")};
    outgoing_.bytes() = proto::make_websocket_request(dial);
    while (!flush()) await_end(fd_, POLLOUT);
    std::string answer;
    size_t head_size = 0;
    while ((head_size = answer.find("\r\n\r\n")) == std::string::npos) {
        await_end(fd_, POLLIN);
        const ssize_t count = receive_some();
        if (closed_) fatal("closed before the upgrade");
        if (count > 0) answer.append(begin_, end_);
    }
    head_size += 4;
    const auto read = proto::read_websocket_answer({answer.data(), head_size}, dial);
    if (!read.error.empty()) fatal("no upgrade: {}", answer);
    const std::string_view behind = std::string_view(answer).substr(head_size);
    std::memcpy(area_.get(), behind.data(), behind.size());
    begin_ = area_.get();
    end_ = begin_ + behind.size();
}

ssize_t WebsocketEnd::receive_some() {
    const ssize_t count = recv(fd_, area_.get(), kAreaBytes, 0);
    closed_ = count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR);
    begin_ = area_.get();
    end_ = begin_ + std::max<ssize_t>(count, 0);
    return count;
}

ssize_t WebsocketEnd::send(std::string_view bytes) {
    if (!flush()) return outgoing_.closed() ? -1 : 0;
    std::array<char, proto::kWebsocketHeadSizeMax> head;
    std::string& frame = outgoing_.bytes();
    frame.assign(head.data(), proto::write_websocket_head(
                                  {.payload_size = bytes.size(), .mask = kMask}, head.data()));
    const size_t head_size = frame.size();
    frame += bytes;
    proto::WebsocketMask(kMask).apply(frame.data() + head_size, bytes.size());
    (void)flush();
    return static_cast<ssize_t>(bytes.size());
}

ssize_t WebsocketEnd::receive(std::span<char> room, bool* blocked) {
    using Kind = proto::WebsocketEvent::Kind;
    size_t total = 0;
    while (total < room.size()) {
        if (!payload_.empty()) {
            const size_t size = std::min(payload_.size(), room.size() - total);
            std::memcpy(room.data() + total, payload_.data(), size);
            payload_.remove_prefix(size);
            total += size;
            continue;
        }
        if (begin_ != end_) {
            const proto::WebsocketEvent event = reader_.next(begin_, end_);
            if (event.kind == Kind::kPayload) payload_ = event.payload;
            closed_ = event.kind == Kind::kClose || event.kind == Kind::kError;
        } else if (receive_some() < 0 && !closed_) {
            *blocked = true;
            break;
        }
        if (closed_) break;
    }
    return total == 0 && !closed_ ? -1 : static_cast<ssize_t>(total);
}

}  // namespace nuring::bench

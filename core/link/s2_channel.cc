// SPDX-License-Identifier: Apache-2.0
#include "core/link/s2_channel.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

#include "core/link/link.h"
#include "core/link/link_host.h"
#include "proto/s2_encoder.h"

namespace nuring::link {
namespace {

constexpr size_t kPartsMax = 16;

}  // namespace

void S2Channel::go_on() {
    link_.resume(PauseReason::kChannel);
}

S2Channel::S2Channel(Link& link, proto::S2Mode mode)
    : Channel(link), mode_(mode), wire_(host().slabs) {
    reader_.set_block_max(kFirstBlockMax);
    wire_.swap(queued());
}

S2Channel::S2Channel(Link& link, proto::S2Mode mode, Outbound& clear, ByteBuffer held)
    : Channel(link), mode_(mode), wire_(host().slabs) {
    reader_.set_block_max(kFirstBlockMax);
    held_.swap(held);
    // A copy: what a send in flight covers stays where it is until the layer above knows that it was sent.
    std::array<iovec, kPartsMax> parts;
    while (wired_bytes_ < clear.pending_bytes()) {
        const unsigned count = clear.gather(parts, wired_bytes_);
        for (unsigned i = 0; i < count; ++i) {
            wire_.append({static_cast<const char*>(parts[i].iov_base), parts[i].iov_len});
            wired_bytes_ += parts[i].iov_len;
        }
    }
}

S2Channel::~S2Channel() {
    host().timers.disarm(go_on_timer_);
}

// ----------------------------------------------------------------------------------- inbound

void S2Channel::receive(char* bytes, size_t size) {
    if (!link_.open()) return ignore(size);
    if (paused()) return held_.append(bytes, size);
    assert(held_.empty());
    assert(plain_.empty());
    read(bytes, size);
}

void S2Channel::resume() {
    Channel::resume();
    if (!link_.open() || paused()) return;
    ByteBuffer held;
    held.swap(held_);
    read(held.begin(), held.size());
}

void S2Channel::read(const char* bytes, size_t size) {
    std::string_view input(bytes, size);
    std::string_view slice;
    uint64_t decompressed = 0;
    while (next_slice(&input, &slice)) {
        // It may be changed: it is the reader's memory, or that of the input.
        pass_up(const_cast<char*>(slice.data()), slice.size());
        decompressed += slice.size();
        if (!link_.open()) return;
        if (decompressed >= kDecompressedPerTurnMax && !paused()) {
            link_.pause(PauseReason::kChannel);
            host().timers.arm(go_on_timer_, host().ring.now_ns());
        }
        if (paused()) return hold(input);
    }
}

// False: all input is used up, or the link was closed.
bool S2Channel::next_slice(std::string_view* input, std::string_view* slice) {
    if (plain_.empty()) {
        const proto::S2Status status = reader_.next(input, &plain_);
        if (status == proto::S2Status::kNeedMore) return false;
        if (status != proto::S2Status::kBytes) {
            plain_ = {};
            host().log.error("{} - Read error: {}", link_.label(), to_text(status));
            link_.close(CloseReason::kReadError);
            return false;
        }
    }
    *slice = plain_.substr(0, kSliceBytes);
    plain_.remove_prefix(slice->size());
    return true;
}

// The link is paused. Bytes of the last chunk that are part of the input are copied, since it goes.
void S2Channel::hold(std::string_view input) {
    held_.append(input.data(), input.size());
    if (plain_.empty() || reader_.owns(plain_)) return;
    std::string rest;
    rest.reserve(plain_.size() + ring::kReceiveSlackBytes);
    rest = plain_;
    kept_.swap(rest);
    plain_ = kept_;
}

// ---------------------------------------------------------------------------------- outbound

void S2Channel::append_chunk(std::string_view bytes) {
    const size_t most = proto::s2_chunk_bound(bytes.size(), mode_);
    if (wire_.window() < most) wire_.open_window(most);
    proto::S2Encoder* encoder = mode_ == proto::S2Mode::kBetter ? &host().s2_encoder() : nullptr;
    wire_.advance(proto::write_s2_chunk(bytes, mode_, wire_.cursor(), encoder));
}

// The first of these bytes without a gap, as many as one block may have: a larger block becomes smaller.
std::string_view S2Channel::make_whole(std::span<const iovec> parts) {
    const std::span<char, proto::S2Encoder::kBlockMax> room = host().s2_encoder().room();
    const size_t first = std::min(parts.front().iov_len, room.size());
    if (parts.size() == 1 || first == room.size()) {
        return {static_cast<const char*>(parts.front().iov_base), first};
    }
    size_t size = 0;
    for (const iovec& part : parts) {
        const size_t count = std::min(part.iov_len, room.size() - size);
        std::memcpy(room.data() + size, part.iov_base, count);
        size += count;
    }
    return {room.data(), size};
}

void S2Channel::make_batch(Outbound& plain) {
    if (!std::exchange(identified_, true)) wire_.append(proto::kS2Identifier);
    std::array<iovec, kPartsMax> parts;
    const unsigned count = plain.gather(parts);
    uint64_t done = 0;
    if (mode_ == proto::S2Mode::kBetter) {
        const std::string_view whole = make_whole(std::span(parts).first(count));
        append_chunk(whole);
        wired_bytes_ = whole.size();
        return;
    }
    for (unsigned i = 0; i < count && done < kBatchBytes; ++i) {
        std::string_view part(static_cast<const char*>(parts[i].iov_base), parts[i].iov_len);
        part = part.substr(0, static_cast<size_t>(kBatchBytes - done));
        done += part.size();
        for (; !part.empty(); part.remove_prefix(std::min(part.size(), kChunkBytes))) {
            append_chunk(part.substr(0, kChunkBytes));
        }
    }
    wired_bytes_ = done;
}

Outbound& S2Channel::ready() {
    if (!wire_.empty()) return wire_;
    Outbound& plain = pending();
    if (!plain.empty()) make_batch(plain);
    is_all_wired_ = is_last(plain, wired_bytes_);
    return wire_;
}

void S2Channel::sent(uint64_t size) {
    wire_.consume(size);
    if (!wire_.empty()) return mark_dirty();
    if (wired_bytes_ > 0) took(std::exchange(wired_bytes_, 0));
    if (!pending().empty()) mark_dirty();
}

void S2Channel::on_closed() {
    host().timers.disarm(go_on_timer_);
    held_.clear();
    held_.shrink();
    plain_ = {};
}

}  // namespace nuring::link

// SPDX-License-Identifier: Apache-2.0
#include "proto/websocket_deflate.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <limits>

namespace nuring::proto {
namespace {

constexpr int kRawWindowBits = -15;  // negative: without the head and the sum of zlib's own format
constexpr size_t kWindowSize = 32 * 1024;
constexpr int kMemoryLevel = 8;
constexpr std::string_view kTail("\x00\x00\xff\xff", 4);
constexpr int kAtBlockEnd = 128;  // of z_stream::data_type
constexpr int kUnusedBits = 7;

unsigned bounded(size_t size) {
    return static_cast<unsigned>(std::min<size_t>(size, std::numeric_limits<unsigned>::max()));
}

Bytef* octets_of(std::string_view text) {
    // zlib does not write to its input.
    return const_cast<Bytef*>(reinterpret_cast<const Bytef*>(text.data()));
}

}  // namespace

WebsocketInflater::WebsocketInflater(DeflateWindow window)
    : window_(window), stream_(std::make_unique<z_stream>()) {
    const int result = inflateInit2(stream_.get(), kRawWindowBits);
    assert(result == Z_OK);
}

WebsocketInflater::~WebsocketInflater() {
    inflateEnd(stream_.get());
}

void WebsocketInflater::begin_message(uint64_t size_max) {
    if (window_ == DeflateWindow::kPerMessage) {
        const int result = inflateReset(stream_.get());
        assert(result == Z_OK);
    }
    step_ = Step::kBody;
    empty_ = true;
    at_boundary_ = true;
    tail_ = kTail;
    size_left_ = size_max;
    consumed_ = 0;
}

// A final block inside of a message: what follows in the message is ignored, as in nats-server. The next
// message needs the window, which inflateReset() forgets: it is copied out and set again.
void WebsocketInflater::reset() {
    std::array<Bytef, kWindowSize> kept;
    unsigned size = 0;
    int result = inflateGetDictionary(stream_.get(), kept.data(), &size);
    assert(result == Z_OK);
    assert(size <= kept.size());
    result = inflateReset(stream_.get());
    assert(result == Z_OK);
    result = inflateSetDictionary(stream_.get(), kept.data(), size);
    assert(result == Z_OK);
}

WebsocketInflater::Status WebsocketInflater::inflate_some(std::string_view* input, char* out,
                                                          size_t room, size_t* written) {
    // One byte more than the message may have shows that it has too many.
    const size_t space = std::min<uint64_t>(room, size_left_ + 1);
    stream_->next_in = octets_of(*input);
    stream_->avail_in = bounded(input->size());
    stream_->next_out = reinterpret_cast<Bytef*>(out);
    stream_->avail_out = bounded(space);
    const unsigned given = stream_->avail_in;
    const unsigned offered = stream_->avail_out;
    const int result = inflate(stream_.get(), Z_SYNC_FLUSH);
    const size_t used = given - stream_->avail_in;
    const size_t made = offered - stream_->avail_out;
    stream_->next_in = nullptr;
    input->remove_prefix(used);
    if (used > 0 || made > 0) {
        at_boundary_ =
            (stream_->data_type & kAtBlockEnd) != 0 && (stream_->data_type & kUnusedBits) == 0;
    }
    if (made > size_left_) {
        *written = static_cast<size_t>(size_left_);
        return Status::kTooLarge;
    }
    *written = made;
    size_left_ -= made;
    if (result == Z_STREAM_END) {
        if (window_ == DeflateWindow::kPerConnection) reset();
        step_ = Step::kIgnored;
        return Status::kMore;
    }
    if (result != Z_OK && result != Z_BUF_ERROR) return Status::kCorrupt;
    return stream_->avail_out == 0 || !input->empty() ? Status::kMore : Status::kNeedInput;
}

WebsocketInflater::Status WebsocketInflater::end_message() {
    step_ = Step::kBetween;
    return Status::kDone;
}

WebsocketInflater::Status WebsocketInflater::take(std::string_view* input, bool last, char* out,
                                                  size_t room, size_t* written) {
    assert(step_ != Step::kBetween);
    assert(room > 0);
    *written = 0;
    if (step_ == Step::kBody) {
        if (!input->empty()) empty_ = false;
        // Nothing at all is an empty message, without even a block.
        if (input->empty() && empty_) return last ? end_message() : Status::kNeedInput;
        const size_t before = input->size();
        const Status status = inflate_some(input, out, room, written);
        consumed_ += before - input->size();
        if (status != Status::kNeedInput || !last) return status;
        step_ = Step::kTail;
        return Status::kMore;
    }
    if (step_ == Step::kTail) {
        const Status status = inflate_some(&tail_, out, room, written);
        if (status != Status::kNeedInput) return status;
        return at_boundary_ ? end_message() : Status::kCorrupt;
    }
    assert(step_ == Step::kIgnored);
    consumed_ += input->size();
    input->remove_prefix(input->size());
    return last ? end_message() : Status::kNeedInput;
}

WebsocketDeflater::WebsocketDeflater(DeflateWindow window)
    : window_(window), stream_(std::make_unique<z_stream>()) {
    const int result = deflateInit2(stream_.get(), Z_BEST_SPEED, Z_DEFLATED, kRawWindowBits,
                                    kMemoryLevel, Z_DEFAULT_STRATEGY);
    assert(result == Z_OK);
}

WebsocketDeflater::~WebsocketDeflater() {
    deflateEnd(stream_.get());
}

size_t WebsocketDeflater::add(std::string_view piece, bool last, char* out, size_t room) {
    assert(piece.size() <= std::numeric_limits<unsigned>::max());
    stream_->next_in = octets_of(piece);
    stream_->avail_in = bounded(piece.size());
    stream_->next_out = reinterpret_cast<Bytef*>(out);
    stream_->avail_out = bounded(room);
    const unsigned offered = stream_->avail_out;
    const int result = deflate(stream_.get(), last ? Z_SYNC_FLUSH : Z_NO_FLUSH);
    assert(result == Z_OK || (result == Z_BUF_ERROR && piece.empty()));
    assert(stream_->avail_in == 0);
    assert(stream_->avail_out > 0);
    stream_->next_in = nullptr;
    size_t made = offered - stream_->avail_out;
    if (!last) return made;
    // The tail was written by this call, in one piece: a flush ends with it.
    assert(made >= kTail.size());
    assert(std::string_view(out + made - kTail.size(), kTail.size()) == kTail);
    made -= kTail.size();
    if (window_ == DeflateWindow::kPerMessage) {
        const int reset_result = deflateReset(stream_.get());
        assert(reset_result == Z_OK);
    }
    return made;
}

}  // namespace nuring::proto

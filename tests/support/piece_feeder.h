// SPDX-License-Identifier: Apache-2.0
// Drivers that run a parser over an input in pieces, one line of text per operation.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace nuring::proto::test {

using Lines = std::vector<std::string>;

// PieceFeeder plays the caller: bytes come in pieces, the unconsumed rest is carried. What the
// parser sees is always a heap block of exactly that size, so that a sanitizer notices overreads.
// Parser: Limits, Operation, Status, parse() and describe(), which gives the line for an answer.
template <typename Parser>
class PieceFeeder {
  public:
    using Limits = typename Parser::Limits;
    using Status = typename Parser::Status;

    explicit PieceFeeder(const Limits& limits) : limits_(limits) {}

    void feed(std::string_view piece) {
        if (failed_) return;
        carry_.append(piece);
        const auto block = std::make_unique<char[]>(carry_.size());
        std::copy(carry_.begin(), carry_.end(), block.get());
        const char* at = block.get();
        const char* const end = at + carry_.size();
        while (at != end && !failed_) {
            const Status status = Parser::parse(at, end, limits_, &operation_, scanned_);
            scanned_ = 0;
            if (status == Status::kNeedMore) {
                const size_t available = static_cast<size_t>(end - at);
                assert(operation_.scanned_bytes <= available);
                assert(operation_.needed_bytes == 0 || operation_.needed_bytes > available);
                scanned_ = operation_.scanned_bytes;
                break;
            }
            lines_.push_back(Parser::describe(status, operation_));
            if (status == Status::kOperation) {
                assert(operation_.consumed >= operation_.line_size);
                assert(operation_.consumed <= static_cast<size_t>(end - at));
                at += operation_.consumed;
            } else {
                failed_ = true;
            }
        }
        carry_.erase(0, static_cast<size_t>(at - block.get()));
    }

    const Lines& lines() const { return lines_; }

  private:
    const Limits limits_;
    typename Parser::Operation operation_;
    std::string carry_;
    size_t scanned_ = 0;
    bool failed_ = false;
    Lines lines_;
};

template <typename Parser>
Lines feed_in_pieces(std::string_view input, const typename Parser::Limits& limits,
                     size_t piece_size) {
    PieceFeeder<Parser> feeder(limits);
    for (size_t at = 0; at < input.size(); at += piece_size) {
        feeder.feed(input.substr(at, piece_size));
    }
    return feeder.lines();
}

template <typename Parser>
Lines feed_whole(std::string_view input, const typename Parser::Limits& limits) {
    return feed_in_pieces<Parser>(input, limits, std::max<size_t>(input.size(), 1));
}

template <typename Parser>
Lines feed_split_at(std::string_view input, const typename Parser::Limits& limits, size_t at) {
    PieceFeeder<Parser> feeder(limits);
    feeder.feed(input.substr(0, at));
    feeder.feed(input.substr(at));
    return feeder.lines();
}

}  // namespace nuring::proto::test

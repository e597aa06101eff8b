// SPDX-License-Identifier: Apache-2.0
// A plain model of the client parser, and how the real one's answers read. Both answer with one line
// of text per operation, so that a test compares strings.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "proto/client_parser.h"
#include "tests/support/piece_feeder.h"

namespace nuring::proto::test {

// ---- the model ---------------------------------------------------------------------------------

// ClientParserModel takes one byte at a time and stops at the first error. It is written for being
// obviously right: strings are collected, then split.
class ClientParserModel {
  public:
    explicit ClientParserModel(const ClientParseLimits& limits) : limits_(limits) {}

    Lines run(std::string_view input) {
        for (const char c : input) {
            if (failed_) break;
            take(c);
        }
        return lines_;
    }

  private:
    enum class State { kVerb, kLine, kPayload };

    static std::vector<std::string> split(const std::string& text, std::string_view separators) {
        std::vector<std::string> words(1);
        for (const char c : text) {
            if (separators.find(c) == std::string_view::npos) {
                words.back() += c;
            } else {
                words.emplace_back();
            }
        }
        std::erase(words, std::string());
        return words;
    }

    // One to nine digits, without leading zeros, or "?" if it is none.
    static std::string number(const std::string& text) {
        if (text.size() > 9 || text.find_first_not_of("0123456789") != std::string::npos) return "?";
        const size_t first = text.find_first_not_of('0');
        return first == std::string::npos ? "0" : text.substr(first);
    }
    static bool less(const std::string& a, const std::string& b) {
        return a.size() != b.size() ? a.size() < b.size() : a < b;
    }

    void fail(const std::string& line) {
        lines_.push_back(line);
        failed_ = true;
    }

    void take(char c) {
        switch (state_) {
            case State::kVerb:
                return take_verb(c);
            case State::kLine:
                return take_line(c);
            case State::kPayload:
                return take_payload(c);
        }
    }

    void take_verb(char c) {
        static constexpr std::string_view kVerbs[] = {"PUB ", "HPUB ",   "SUB ", "UNSUB ", "PING",
                                                      "PONG", "CONNECT", "INFO", "+OK",    "-ERR "};
        char folded = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
        if (c == '\t') folded = ' ';
        verb_ += folded;
        bool is_prefix = false;
        for (const std::string_view verb : kVerbs) {
            if (verb == verb_) {
                state_ = State::kLine;
                return;
            }
            is_prefix = is_prefix || verb.substr(0, verb_.size()) == verb_;
        }
        if (!is_prefix) fail("unknown at " + std::to_string(verb_.size() - 1));
    }

    void take_line(char c) {
        const bool has_args = verb_ != "PING" && verb_ != "PONG" && verb_ != "+OK";
        const size_t args_at = line_.find_first_not_of(" \t");
        // The first byte of the args may be anything, the end of a line, too.
        const bool begins_args = has_args && args_at == std::string::npos && c != ' ' && c != '\t';
        const bool ends = c == '\n' && !begins_args;
        if (!ends) line_ += c;
        std::string text = line_;
        if (!text.empty() && text.back() == '\r') text.pop_back();
        // One blank that the verb needs counts as a blank before the arguments.
        const size_t verb_blanks = verb_.back() == ' ' ? 1 : 0;
        size_t blanks = text.find_first_not_of(" \t");
        if (blanks == std::string::npos) blanks = text.size();
        const size_t max = limits_.control_line_max;
        if (blanks + verb_blanks > max || text.size() - blanks > max) return fail("line too long");
        if (ends) finish_line(text.substr(blanks), blanks + verb_blanks);
    }

    void finish_line(const std::string& args, size_t) {
        const bool is_subscription = verb_ == "SUB " || verb_ == "UNSUB ";
        const std::vector<std::string> words = split(args, is_subscription ? " \t\r\n" : " \t");
        const size_t count = words.size();
        const std::string bad = " <" + args + ">";
        if (verb_ == "PUB ") {
            if (count < 2 || count > 3) return fail("bad PUB args" + bad);
            const std::string total = number(words[count - 1]);
            if (total == "?") return fail("bad PUB size" + bad);
            return begin_payload("PUB " + words[0] + " r=" + (count == 3 ? words[1] : ""), "0",
                                 total, words[count - 1]);
        }
        if (verb_ == "HPUB ") {
            if (count < 3 || count > 4) return fail("bad HPUB args" + bad);
            const std::string header = number(words[count - 2]);
            const std::string total = number(words[count - 1]);
            if (header == "?") return fail("bad HPUB header size" + bad);
            if (total == "?") return fail("bad HPUB total size" + bad);
            if (less(total, header)) return fail("bad HPUB sizes" + bad);
            return begin_payload("HPUB " + words[0] + " r=" + (count == 4 ? words[1] : ""), header,
                                 total, words[count - 1]);
        }
        if (verb_ == "SUB ") {
            if (count < 2 || count > 3) return fail("bad SUB args" + bad);
            lines_.push_back("SUB " + words[0] + " q=" + (count == 3 ? words[1] : "") +
                             " sid=" + words[count - 1]);
        } else if (verb_ == "UNSUB ") {
            if (count < 1 || count > 2) return fail("bad UNSUB args" + bad);
            std::string max = count == 2 ? number(words[1]) : "0";
            if (max == "?") max = "0";
            lines_.push_back("UNSUB " + words[0] + " max=" + max);
        } else {
            lines_.push_back(split(verb_, " ")[0] + " <" + args + ">");
        }
        restart();
    }

    void begin_payload(const std::string& head, const std::string& header, const std::string& total,
                       const std::string& text) {
        const std::string max =
            limits_.payload_max < 0 ? "2147483647" : std::to_string(limits_.payload_max);
        if (less(max, total)) return fail("payload too large " + total);
        event_ = head + " h=" + header + " n=" + total + " (" + text + ")";
        payload_size_ = std::stoull(total);
        payload_.clear();
        state_ = State::kPayload;
    }

    void take_payload(char c) {
        const size_t at = payload_.size();
        const size_t line_size = verb_.size() + line_.size() + 1;
        if (at >= payload_size_ && c != (at == payload_size_ ? '\r' : '\n')) {
            return fail("unknown at " + std::to_string(line_size + at));
        }
        payload_ += c;
        if (at != payload_size_ + 1) return;
        payload_.resize(payload_size_);
        lines_.push_back(event_ + " [" + payload_ + "]");
        restart();
    }

    void restart() {
        state_ = State::kVerb;
        verb_.clear();
        line_.clear();
    }

    const ClientParseLimits limits_;
    State state_ = State::kVerb;
    bool failed_ = false;
    std::string verb_;
    std::string line_;
    std::string event_;
    std::string payload_;
    size_t payload_size_ = 0;
    Lines lines_;
};

// ---- the real parser ---------------------------------------------------------------------------

inline std::string bad_args(std::string_view what, const ClientOperation& op) {
    return "bad " + std::string(what) + " <" + std::string(op.args) + ">";
}

// The line for an answer other than kNeedMore.
inline std::string describe(ParseStatus status, const ClientOperation& op) {
    switch (status) {
        case ParseStatus::kOperation:
            break;
        case ParseStatus::kNeedMore:
            return "need more";
        case ParseStatus::kUnknownOperation:
            return "unknown at " + std::to_string(op.error_offset);
        case ParseStatus::kControlLineTooLong:
            return "line too long";
        case ParseStatus::kPayloadTooLarge:
            return "payload too large " + std::to_string(op.claimed_size);
        case ParseStatus::kBadPublishArgs:
            return bad_args("PUB args", op);
        case ParseStatus::kBadPublishSize:
            return bad_args("PUB size", op);
        case ParseStatus::kBadHeaderPublishArgs:
            return bad_args("HPUB args", op);
        case ParseStatus::kBadHeaderPublishHeaderSize:
            return bad_args("HPUB header size", op);
        case ParseStatus::kBadHeaderPublishTotalSize:
            return bad_args("HPUB total size", op);
        case ParseStatus::kBadHeaderPublishSizes:
            return bad_args("HPUB sizes", op);
        case ParseStatus::kBadSubscribeArgs:
            return bad_args("SUB args", op);
        case ParseStatus::kBadUnsubscribeArgs:
            return bad_args("UNSUB args", op);
    }
    const auto text = [](std::string_view view) { return std::string(view); };
    switch (op.verb) {
        case ClientVerb::kPublish:
        case ClientVerb::kHeaderPublish: {
            const std::string payload(op.payload, op.total_size);
            if (op.canonical) {
                std::string tail = " ";
                if (!op.reply.empty()) tail += text(op.reply) + " ";
                assert(op.frame_tail().substr(0, tail.size()) == tail);
                tail = text(op.size_text) + "\r\n" + payload + "\r\n";
                assert(op.frame_tail().ends_with(tail));
            }
            return text(to_text(op.verb)) + " " + text(op.subject) + " r=" + text(op.reply) +
                   " h=" + std::to_string(op.header_size) + " n=" + std::to_string(op.total_size) +
                   " (" + text(op.size_text) + ") [" + payload + "]";
        }
        case ClientVerb::kSubscribe:
            return "SUB " + text(op.subject) + " q=" + text(op.queue) + " sid=" + text(op.sid);
        case ClientVerb::kUnsubscribe:
            return "UNSUB " + text(op.sid) + " max=" + std::to_string(op.unsubscribe_max);
        case ClientVerb::kPing:
        case ClientVerb::kPong:
        case ClientVerb::kConnect:
        case ClientVerb::kInfo:
        case ClientVerb::kOk:
        case ClientVerb::kError:
            break;
    }
    return text(to_text(op.verb)) + " <" + text(op.args) + ">";
}

// The real parser, for PieceFeeder.
struct ClientParser {
    using Limits = ClientParseLimits;
    using Operation = ClientOperation;
    using Status = ParseStatus;

    static Status parse(const char* begin, const char* end, const Limits& limits, Operation* out,
                        size_t scanned_bytes) {
        return parse_client(begin, end, limits, out, scanned_bytes);
    }
    static std::string describe(Status status, const Operation& op) {
        return test::describe(status, op);
    }
};

inline Lines parse_whole(std::string_view input, const ClientParseLimits& limits) {
    return feed_whole<ClientParser>(input, limits);
}

inline Lines parse_in_pieces(std::string_view input, const ClientParseLimits& limits,
                             size_t piece_size) {
    return feed_in_pieces<ClientParser>(input, limits, piece_size);
}

inline Lines parse_split_at(std::string_view input, const ClientParseLimits& limits, size_t at) {
    return feed_split_at<ClientParser>(input, limits, at);
}

}  // namespace nuring::proto::test

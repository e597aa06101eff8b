// SPDX-License-Identifier: Apache-2.0
// A plain model of the route parser, and how the real one's answers read. Both answer with one line
// of text per operation, so that a test compares strings.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "proto/route_parser.h"
#include "tests/support/piece_feeder.h"

namespace nuring::proto::test {

// RouteParserModel takes one byte at a time and stops at the first error. It is written for being
// obviously right: strings are collected, then split.
class RouteParserModel {
  public:
    explicit RouteParserModel(const RouteParseLimits& limits) : limits_(limits) {}

    Lines run(std::string_view input) {
        for (const char c : input) {
            if (failed_) break;
            take(c);
        }
        return lines_;
    }

  private:
    enum class State { kVerb, kLine, kPayload };

    struct Word {
        std::string text;
        size_t end;  // where it ends in the args
    };

    static std::vector<Word> split(const std::string& args) {
        std::vector<Word> words;
        bool in_word = false;
        for (size_t i = 0; i < args.size(); ++i) {
            if (std::string_view(" \t\r\n").find(args[i]) != std::string_view::npos) {
                in_word = false;
                continue;
            }
            if (!in_word) words.push_back({});
            in_word = true;
            words.back().text += args[i];
            words.back().end = i + 1;
        }
        return words;
    }

    // -1: not one to nine digits.
    static int64_t number(const std::string& text) {
        if (text.size() > 9 || text.find_first_not_of("0123456789") != std::string::npos) return -1;
        return std::stoll(text);
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
        static constexpr std::string_view kVerbs[] = {
            "RMSG ", "HMSG ", "LMSG ", "RS+ ", "RS- ",    "LS+ ", "LS- ", "A+ ",
            "A- ",   "PING",  "PONG",  "+OK",  "CONNECT", "INFO", "-ERR "};
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
        has_return_ = !text.empty() && text.back() == '\r';
        if (has_return_) text.pop_back();
        // One blank that the verb needs counts as a blank before the arguments.
        const size_t verb_blanks = verb_.back() == ' ' ? 1 : 0;
        size_t blanks = text.find_first_not_of(" \t");
        if (blanks == std::string::npos) blanks = text.size();
        const size_t max = limits_.control_line_max;
        if (blanks + verb_blanks > max || text.size() - blanks > max) return fail("line too long");
        if (ends) finish_line(text.substr(blanks));
    }

    void finish_line(const std::string& args) {
        std::string verb = verb_;
        if (verb.back() == ' ') verb.pop_back();
        if (verb == "RMSG") return finish_message(verb, args, 0, 1);
        if (verb == "HMSG") return finish_message(verb, args, 0, 2);
        if (verb == "LMSG") return finish_message(verb, args, 1, 2);
        const std::vector<Word> words = split(args);
        const bool is_leaf = verb[0] == 'L';
        if (verb == "RS+" || verb == "LS+") {
            const size_t account = is_leaf ? 1 : 0;
            const size_t count = words.size() - account;
            if (words.size() < account + 2 || (count != 2 && count != 4)) {
                return fail("processRemoteSub Parse Error: '" + args + "'");
            }
            int64_t weight = count == 4 ? number(words[account + 3].text) : 0;
            if (weight < 0) weight = 0;
            finish_interest(verb, words, account, " w=" + std::to_string(weight));
        } else if (verb == "RS-" || verb == "LS-") {
            const size_t account = is_leaf && limits_.names_unsubscribe_origin ? 1 : 0;
            const size_t count = words.size() - account;
            if (words.size() < account + 2 || count > 3) {
                return fail("processRemoteUnsub parse error: '" + args + "'");
            }
            finish_interest(verb, words, account, "");
        } else {
            lines_.push_back(verb + " <" + args + ">");
        }
        restart();
    }

    void finish_interest(const std::string& verb, const std::vector<Word>& words, size_t account,
                         const std::string& weight) {
        const bool has_queue = words.size() > account + 2;
        lines_.push_back(verb + " o=" + (account == 1 ? words[0].text : "") +
                         " a=" + words[account].text + " s=" + words[account + 1].text +
                         " q=" + (has_queue ? words[account + 2].text : "") + weight);
    }

    static std::string listed(const std::vector<Word>& words) {
        std::string list;
        for (const Word& word : words) list += (list.empty() ? "" : " ") + word.text;
        return "[" + list + "]";
    }

    void finish_message(const std::string& verb, const std::string& args, size_t account,
                        size_t numbers) {
        const std::string function = verb == "RMSG"   ? "processRoutedMsgArgs "
                                     : verb == "HMSG" ? "processRoutedHeaderMsgArgs "
                                                      : "processRoutedOriginClusterMsgArgs ";
        const std::vector<Word> words = split(args);
        const size_t count = words.size();
        const size_t subject = account + 1;
        if (count < subject + 1 + numbers) {
            return fail(function + "Parse Error: '" + listed(words) + "'");
        }
        const size_t between = count - numbers - subject - 1;
        std::string reply;
        std::string queues;
        const Word* before_tail = &words[subject];
        bool tail_is_whole = true;
        if (between == 1) {
            reply = words[subject + 1].text;
        } else if (between > 1) {
            const std::string& indicator = words[subject + 1].text;
            if (indicator != "+" && indicator != "|") {
                return fail(function + "Bad or Missing Reply Indicator: '" + indicator + "'");
            }
            size_t queue = subject + 2;
            if (indicator == "+") {
                reply = words[queue++].text;
                tail_is_whole = false;
            }
            for (; queue < count - numbers; ++queue) {
                queues += (queues.empty() ? "" : ",") + words[queue].text;
                before_tail = &words[queue];
            }
        }
        const std::string& total_text = words[count - 1].text;
        const int64_t header = numbers == 2 ? number(words[count - 2].text) : 0;
        const int64_t total = number(total_text);
        if (header < 0) return fail(function + "Bad or Missing Header Size: '" + args + "'");
        if (total < 0) return fail(function + "Bad or Missing Size: '" + listed(words) + "'");
        if (header > total) return fail(function + "Header Size larger then TotalSize: '" + args + "'");

        std::string tail = between == 1 ? " " + reply : "";
        if (numbers == 2) tail += " " + words[count - 2].text;
        tail += " " + total_text;
        const bool canonical = tail_is_whole && has_return_ && args.substr(before_tail->end) == tail &&
                               (numbers == 1 || header > 0);
        event_ = verb + " o=" + (account == 1 ? words[0].text : "") + " a=" + words[account].text +
                 " s=" + words[subject].text + " r=" + reply + " q=" + queues +
                 " h=" + std::to_string(header) + " n=" + std::to_string(total) + " (" + total_text +
                 ")" + (canonical ? " tail=<" + tail + ">" : "");
        payload_size_ = static_cast<size_t>(total);
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

    const RouteParseLimits limits_;
    State state_ = State::kVerb;
    bool failed_ = false;
    bool has_return_ = false;
    std::string verb_;
    std::string line_;
    std::string event_;
    std::string payload_;
    size_t payload_size_ = 0;
    Lines lines_;
};

// The real parser, for PieceFeeder.
struct RouteParser {
    using Limits = RouteParseLimits;
    using Operation = RouteOperation;
    using Status = RouteParseStatus;

    static Status parse(const char* begin, const char* end, const Limits& limits, Operation* out,
                        size_t scanned_bytes) {
        return parse_route(begin, end, limits, out, scanned_bytes);
    }

    static std::string describe(Status status, const Operation& op) {
        if (status == Status::kUnknownOperation) {
            return "unknown at " + std::to_string(op.error_offset);
        }
        if (status == Status::kControlLineTooLong) return "line too long";
        if (status != Status::kOperation) return log_line(status, op);
        const auto text = [](std::string_view view) { return std::string(view); };
        const auto names = [&] {
            return text(to_text(op.verb)) + " o=" + text(op.origin) + " a=" + text(op.account) +
                   " s=" + text(op.subject);
        };
        switch (op.verb) {
            case RouteVerb::kMessage:
            case RouteVerb::kHeaderMessage:
            case RouteVerb::kLeafMessage:
                return names() + message_end(op);
            case RouteVerb::kSubscribe:
            case RouteVerb::kLeafSubscribe:
                return names() + " q=" + text(op.queue) + " w=" + std::to_string(op.weight);
            case RouteVerb::kUnsubscribe:
            case RouteVerb::kLeafUnsubscribe:
                return names() + " q=" + text(op.queue);
            case RouteVerb::kAccountSubscribe:
            case RouteVerb::kAccountUnsubscribe:
                assert(op.account == op.args);
                break;
            case RouteVerb::kPing:
            case RouteVerb::kPong:
            case RouteVerb::kConnect:
            case RouteVerb::kInfo:
            case RouteVerb::kOk:
            case RouteVerb::kError:
                break;
        }
        return text(to_text(op.verb)) + " <" + text(op.args) + ">";
    }

  private:
    static std::string message_end(const Operation& op) {
        std::string queues;
        size_t count = 0;
        std::string_view rest = op.queues;
        for (std::string_view name = take_queue(&rest); !name.empty(); name = take_queue(&rest)) {
            queues.append(queues.empty() ? "" : ",").append(name);
            ++count;
        }
        assert(count == op.queue_count);
        const std::string payload(op.payload, op.total_size);
        std::string tail;
        if (op.canonical) {
            const std::string end = "\r\n" + payload + "\r\n";
            assert(op.frame_tail().ends_with(end));
            tail = op.frame_tail();
            tail.resize(tail.size() - end.size());
            tail = " tail=<" + tail + ">";
        }
        return " r=" + std::string(op.reply) + " q=" + queues +
               " h=" + std::to_string(op.header_size) + " n=" + std::to_string(op.total_size) +
               " (" + std::string(op.size_text) + ")" + tail + " [" + payload + "]";
    }
};

}  // namespace nuring::proto::test

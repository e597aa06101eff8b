// SPDX-License-Identifier: Apache-2.0
// Subjects and patterns: tokens between dots. A token is a wildcard only if it is exactly `*` (any
// one token) or, at the end, exactly `>` (one or more tokens); `foo*` and `>>` are plain text.
// Source: server/sublist.go 2.0.0-RC19, with the corrections of later servers where noted.
#pragma once

#include <cstddef>
#include <iterator>
#include <string_view>

namespace nuring::proto {

inline constexpr char kTokenSeparator = '.';
inline constexpr std::string_view kAnyToken = "*";
inline constexpr std::string_view kAnyTail = ">";

// Subjects that the server keeps for itself.
inline constexpr std::string_view kServiceReplyPrefix = "_R_.";
inline constexpr std::string_view kGatewayReplyPrefix = "$GR.";
inline constexpr std::string_view kGatewayRoutedReplyPrefix = "_GR_.";
inline constexpr std::string_view kJetStreamPrefix = "$JS.";
inline constexpr std::string_view kJetStreamAckPrefix = "$JS.ACK.";

// Each of these prefixes begins so, but inboxes do not: each message asks.
inline bool may_have_reserved_prefix(std::string_view subject) {
    if (subject.size() < 2) return false;
    return subject[0] == '$' || (subject[0] == '_' && (subject[1] == 'G' || subject[1] == 'R'));
}

// On the way back through a gateway: no client may publish to it.
inline bool is_gateway_reply(std::string_view subject) {
    if (!may_have_reserved_prefix(subject)) [[likely]] return false;
    return subject.starts_with(kGatewayRoutedReplyPrefix) &&
           subject.size() > kGatewayRoutedReplyPrefix.size();
}

// The form of servers before 2.2: their requests reach clients with such a reply, and clients answer to it.
inline bool is_old_gateway_reply(std::string_view subject) {
    if (!may_have_reserved_prefix(subject)) [[likely]] return false;
    return subject.starts_with(kGatewayReplyPrefix) && subject.size() > kGatewayReplyPrefix.size();
}

// Where members with JetStream agree among themselves: of clients only the system account's may publish.
// Source: server/client.go, processInboundClientMsg 2.11.
inline bool is_jetstream_group(std::string_view subject) {
    return may_have_reserved_prefix(subject) && subject.starts_with("$NRG.");
}

// A reply that only servers make up: no client may ask for an answer there. An answer of JetStream, which may
// do everything, would else be a request to it on behalf of that client.
// Source: server/client.go, isReservedReply 2.15.3.
inline bool is_reserved_reply(std::string_view reply) {
    if (!may_have_reserved_prefix(reply)) [[likely]] return false;
    return reply.starts_with(kServiceReplyPrefix) || is_gateway_reply(reply) ||
           (reply.starts_with(kJetStreamPrefix) && reply.size() > kJetStreamPrefix.size());
}

// `$JS.API.<..>`, or with a domain `$JS.<domain>.API.<..>`. Source: server/client.go, isJSAPIRequest 2.15.3.
bool is_jetstream_request(std::string_view subject);

// SubjectTokens walks the tokens of a subject: for (std::string_view token : SubjectTokens(s)).
// Like the reference's split, an empty subject has one empty token, and `foo.` has two.
// Lifetime: the tokens are views into the subject.
class SubjectTokens {
  public:
    class Iterator {
      public:
        using iterator_category = std::input_iterator_tag;
        using value_type = std::string_view;
        using difference_type = std::ptrdiff_t;
        using pointer = const std::string_view*;
        using reference = std::string_view;

        Iterator() = default;
        explicit Iterator(std::string_view subject) : rest_(subject), done_(false) { cut(); }

        std::string_view operator*() const { return token_; }
        Iterator& operator++() {
            if (last_) {
                done_ = true;
            } else {
                rest_.remove_prefix(token_.size() + 1);
                cut();
            }
            return *this;
        }
        bool is_last() const { return last_; }
        bool done() const { return done_; }
        friend bool operator==(const Iterator& a, const Iterator& b) { return a.done_ == b.done_; }

      private:
        void cut() {
            const size_t dot = rest_.find(kTokenSeparator);
            last_ = dot == std::string_view::npos;
            token_ = last_ ? rest_ : rest_.substr(0, dot);
        }

        std::string_view rest_;
        std::string_view token_;
        bool last_ = true;
        bool done_ = true;
    };

    explicit SubjectTokens(std::string_view subject) : subject_(subject) {}
    Iterator begin() const { return Iterator(subject_); }
    Iterator end() const { return Iterator(); }

  private:
    std::string_view subject_;
};

// Number of tokens; at least 1.
size_t token_count(std::string_view subject);

// A pattern that may be subscribed to: no empty token, and `>` only as the last token.
bool is_valid_pattern(std::string_view pattern);

// A pattern that may be configured: besides, no space, tab, CR, LF or FF (since 2.2.3).
bool is_valid_subject(std::string_view pattern);

// A subject that may be published to when the client asked for pedantic checks: no empty token, no
// wildcard token. (Blanks pass, as in the reference.)
bool is_valid_literal_subject(std::string_view subject);

// True unless some whole token is `*` or `>`. Checks nothing else.
bool is_literal(std::string_view subject);

// Does `pattern` match `literal`? Wildcard tokens in `literal` count as plain text, and its empty
// tokens are ordinary tokens, as in a lookup.
bool matches_literal(std::string_view literal, std::string_view pattern);

// Is every subject that `inner` matches also matched by `outer`? Neither side may be invalid: a
// subject with an empty token or an inner `>` is in no relation (false).
bool is_subset(std::string_view inner, std::string_view outer);

// Is there a subject that both match? Invalid sides: false.
bool subjects_collide(std::string_view a, std::string_view b);

}  // namespace nuring::proto

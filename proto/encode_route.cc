// SPDX-License-Identifier: Apache-2.0
#include "proto/encode_route.h"

namespace nuring::proto {
namespace {

std::string_view verb_of(const RouteInterest& interest) {
    const bool is_leaf = !interest.origin.empty() || interest.dialect == RouteDialect::kLeafnode;
    if (interest.weight == 0) return is_leaf ? "LS- " : "RS- ";
    return is_leaf ? "LS+ " : "RS+ ";
}

bool names_origin(const RouteInterest& interest) {
    return !interest.origin.empty() && (interest.weight != 0 || interest.names_unsubscribe_origin);
}

bool has_weight(const RouteInterest& interest) { return interest.weight != 0 && !interest.queue.empty(); }

// The parts of a message's line and payload.
struct Parts {
    uint32_t header_size;
    uint32_t total_size;  // headers included
    std::string_view headers;
    bool has_header_size;
};

Parts parts_of(const RouteMessage& message) {
    const RouteMessageHead& head = message.head;
    const bool is_leaf = !head.origin.empty();
    Parts parts;
    parts.headers = head.has_headers ? message.headers : std::string_view();
    parts.header_size = static_cast<uint32_t>(parts.headers.size());
    parts.total_size = static_cast<uint32_t>(parts.headers.size() + message.body.size());
    parts.has_header_size = is_leaf || head.has_headers;
    return parts;
}

}  // namespace

size_t route_interest_size(const RouteInterest& interest) {
    size_t size = verb_of(interest).size() + interest.subject.size() + kLineEndSize;
    if (names_origin(interest)) size += interest.origin.size() + 1;
    if (!interest.account.empty()) size += interest.account.size() + 1;
    if (!interest.queue.empty()) size += 1 + interest.queue.size();
    if (has_weight(interest)) size += 1 + decimal_size(interest.weight);
    return size;
}

char* encode_route_interest(char* out, const RouteInterest& interest) {
    out = append_short(out, verb_of(interest));
    if (names_origin(interest)) {
        out = append_short(out, interest.origin);
        *out++ = ' ';
    }
    if (!interest.account.empty()) {
        out = append_short(out, interest.account);
        *out++ = ' ';
    }
    out = append_short(out, interest.subject);
    if (!interest.queue.empty()) {
        *out++ = ' ';
        out = append_short(out, interest.queue);
    }
    if (has_weight(interest)) {
        *out++ = ' ';
        out = write_decimal(out, interest.weight);
    }
    return internal::encode_line_end(out);
}

char* encode_account_interest(char* out, std::string_view account, bool is_wanted) {
    std::memcpy(out, is_wanted ? "A+ " : "A- ", 3);
    return internal::encode_line_end(append_short(out + 3, account));
}

size_t route_message_size(const RouteMessage& message) {
    const Parts parts = parts_of(message);
    const RouteMessageHead& head = message.head;
    size_t size = route_head_size(head) + 1 + decimal_size(parts.total_size) + kLineEndSize;
    if (parts.has_header_size) size += 1 + decimal_size(parts.header_size);
    if (head.queues.empty() && !head.reply.empty()) size += 1 + head.reply.size();
    return size + parts.total_size + kLineEndSize;
}

char* encode_route_message(char* out, const RouteMessage& message) {
    const Parts parts = parts_of(message);
    const RouteMessageHead& head = message.head;
    out = encode_route_head(out, head);
    *out++ = ' ';
    if (head.queues.empty() && !head.reply.empty()) {
        out = append_short(out, head.reply);
        *out++ = ' ';
    }
    if (parts.has_header_size) {
        out = write_decimal(out, parts.header_size);
        *out++ = ' ';
    }
    out = internal::encode_line_end(write_decimal(out, parts.total_size));
    return internal::encode_line_end(append(append(out, parts.headers), message.body));
}

}  // namespace nuring::proto

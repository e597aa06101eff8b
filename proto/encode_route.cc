// SPDX-License-Identifier: Apache-2.0
#include "proto/encode_route.h"

namespace nuring::proto {
namespace {

bool has_leaf_verb(const RouteInterest& interest) {
    return !interest.origin.empty() || interest.dialect == RouteDialect::kLeafnode;
}

size_t names_size(const RouteInterest& interest) {
    size_t size = sizeof("RS+ ") - 1 + interest.subject.size();
    if (!interest.account.empty()) size += interest.account.size() + 1;
    if (!interest.queue.empty()) size += 1 + interest.queue.size();
    return size;
}

char* append_names(char* out, const RouteInterest& interest) {
    if (!interest.account.empty()) {
        out = append_short(out, interest.account);
        *out++ = ' ';
    }
    out = append_short(out, interest.subject);
    if (interest.queue.empty()) return out;
    *out++ = ' ';
    return append_short(out, interest.queue);
}

// The parts of a message's line and payload.
struct Parts {
    MessageSizes sizes;
    std::string_view headers;
    bool has_header_size;
};

Parts parts_of(const RouteMessage& message) {
    const RouteMessageHead& head = message.head;
    const bool is_leaf = !head.origin.empty();
    Parts parts;
    parts.headers = head.has_headers ? message.headers : std::string_view();
    parts.sizes.header = static_cast<uint32_t>(parts.headers.size());
    parts.sizes.total = static_cast<uint32_t>(parts.headers.size() + message.body.size());
    parts.has_header_size = is_leaf || head.has_headers;
    return parts;
}

}  // namespace

size_t route_subscribe_size(const RouteInterest& interest) {
    size_t size = names_size(interest) + kLineEndSize;
    if (!interest.queue.empty()) size += 1 + decimal_size(interest.weight);
    if (!interest.origin.empty()) size += interest.origin.size() + 1;
    return size;
}

char* encode_route_subscribe(char* out, const RouteInterest& interest) {
    std::memcpy(out, has_leaf_verb(interest) ? "LS+ " : "RS+ ", 4);
    out += 4;
    if (!interest.origin.empty()) {
        out = append_short(out, interest.origin);
        *out++ = ' ';
    }
    out = append_names(out, interest);
    if (!interest.queue.empty()) {
        *out++ = ' ';
        out = write_decimal(out, interest.weight);
    }
    return internal::encode_line_end(out);
}

size_t route_unsubscribe_size(const RouteInterest& interest) {
    const bool names_origin = !interest.origin.empty() && interest.names_unsubscribe_origin;
    return names_size(interest) + kLineEndSize + (names_origin ? interest.origin.size() + 1 : 0);
}

char* encode_route_unsubscribe(char* out, const RouteInterest& interest) {
    std::memcpy(out, has_leaf_verb(interest) ? "LS- " : "RS- ", 4);
    out += 4;
    if (!interest.origin.empty() && interest.names_unsubscribe_origin) {
        out = append_short(out, interest.origin);
        *out++ = ' ';
    }
    return internal::encode_line_end(append_names(out, interest));
}

char* encode_account_interest(char* out, std::string_view account, bool is_wanted) {
    std::memcpy(out, is_wanted ? "A+ " : "A- ", 3);
    return internal::encode_line_end(append_short(out + 3, account));
}

size_t route_message_size(const RouteMessage& message) {
    const Parts parts = parts_of(message);
    const RouteMessageHead& head = message.head;
    size_t size = route_head_size(head) + 1 + decimal_size(parts.sizes.total) + kLineEndSize;
    if (parts.has_header_size) size += 1 + decimal_size(parts.sizes.header);
    if (head.queues.empty() && !head.reply.empty()) size += 1 + head.reply.size();
    return size + parts.sizes.total + kLineEndSize;
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
        out = write_decimal(out, parts.sizes.header);
        *out++ = ' ';
    }
    out = internal::encode_line_end(write_decimal(out, parts.sizes.total));
    return internal::encode_line_end(append(append(out, parts.headers), message.body));
}

}  // namespace nuring::proto

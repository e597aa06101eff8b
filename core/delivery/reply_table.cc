// SPDX-License-Identifier: Apache-2.0
#include "core/delivery/reply_table.h"

#include <array>
#include <cassert>

#include "proto/subject.h"

namespace nuring::delivery {
namespace {

constexpr std::string_view kDigits =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_";
constexpr uint32_t kSlotBits = 24;
constexpr uint32_t kSlotMask = (1U << kSlotBits) - 1;
constexpr size_t kNameDigits = 6;  // worker and slot: 32 bits, and 4 of the secret
constexpr size_t kSecretDigits = 10;

// Room for a reply subject that a free place keeps.
constexpr size_t kKeptReplyBytes = 256;

// Expired routes looked at with each new one: more than one, so that they become fewer.
constexpr int kPrunedAtOnce = 4;

static_assert(proto::kServiceReplyPrefix.size() + kNameDigits + kSecretDigits ==
              ReplyTable::kSubjectSize);

constexpr std::array<int8_t, 256> make_values() {
    std::array<int8_t, 256> values{};
    for (int8_t& value : values) value = -1;
    for (size_t i = 0; i < kDigits.size(); ++i) {
        values[static_cast<uint8_t>(kDigits[i])] = static_cast<int8_t>(i);
    }
    return values;
}
constexpr std::array<int8_t, 256> kValues = make_values();

char* write_digits(char* out, uint64_t value, size_t count) {
    for (size_t i = count; i-- > 0; value >>= 6) out[i] = kDigits[value & 63];
    return out + count;
}

bool read_digits(std::string_view text, uint64_t* value) {
    *value = 0;
    for (const char c : text) {
        const int8_t digit = kValues[static_cast<uint8_t>(c)];
        if (digit < 0) return false;
        *value = *value << 6 | static_cast<uint64_t>(digit);
    }
    return true;
}

struct Name {
    uint32_t place = 0;  // worker and slot
    uint64_t secret = 0;
};

// The secret's upper four bits stand beside the place.
bool parse(std::string_view subject, Name* name) {
    if (!proto::tracking_node(subject).empty()) subject.remove_suffix(proto::kTrackedSuffixSize);
    if (subject.size() != ReplyTable::kSubjectSize) return false;
    if (!subject.starts_with(proto::kServiceReplyPrefix)) return false;
    subject.remove_prefix(proto::kServiceReplyPrefix.size());
    uint64_t first = 0;
    uint64_t second = 0;
    if (!read_digits(subject.substr(0, kNameDigits), &first)) return false;
    if (!read_digits(subject.substr(kNameDigits), &second)) return false;
    name->place = static_cast<uint32_t>(first >> 4);
    name->secret = (first & 15) << 60 | second;
    return true;
}

}  // namespace

ReplyTable::Slot ReplyTable::take_slot() {
    if (free_.empty()) {
        entries_.emplace_back();
        return static_cast<Slot>(entries_.size() - 1);
    }
    const Slot slot = free_.back();
    free_.pop_back();
    return slot;
}

void ReplyTable::prune(Queue* queue, uint64_t now_ns) {
    while (queue->count >= kRoutesMax || queue->reply_bytes > kReplyBytesMax) remove(queue->oldest);
    for (int i = 0; i < kPrunedAtOnce && queue->count != 0; ++i) {
        const Entry& oldest = entries_[queue->oldest];
        if (oldest.expires_ns > now_ns || oldest.sample != nullptr) return;  // a sample ends its route
        remove(queue->oldest);
    }
}

ReplyTable::Slot ReplyTable::add(const ReplyRoute& route, uint64_t now_ns, uint64_t secret) {
    assert(route.charged != nullptr);
    Queue& queue = queues_[route.charged];
    prune(&queue, now_ns);
    if (free_.empty() && entries_.size() > kSlotMask) return kNone;  // 16 M routes on one worker
    const Slot slot = take_slot();
    Entry& entry = entries_[slot];
    entry.responder = route.responder;
    entry.requestor = route.requestor;
    entry.charged = route.charged;
    entry.secret = secret;
    entry.expires_ns = now_ns + route.threshold_ns;
    entry.threshold_ns = route.threshold_ns;
    entry.type = route.type;
    entry.closed = false;
    entry.reply = route.reply;
    entry.older = queue.newest;
    entry.newer = kNone;
    (queue.newest == kNone ? queue.oldest : entries_[queue.newest].newer) = slot;
    queue.newest = slot;
    ++queue.count;
    queue.reply_bytes += entry.reply.size();
    ++count_;
    return slot;
}

void ReplyTable::write_subject(Slot slot, std::string* out) const {
    const uint64_t secret = entries_[slot].secret;
    const uint64_t place = uint64_t{index_of(self_)} << kSlotBits | slot;
    *out = proto::kServiceReplyPrefix;
    out->resize(kSubjectSize);
    char* at = out->data() + proto::kServiceReplyPrefix.size();
    at = write_digits(at, place << 4 | secret >> 60, kNameDigits);
    write_digits(at, secret, kSecretDigits);
}

std::optional<base::WorkerId> ReplyTable::worker_of(std::string_view subject) {
    Name name;
    if (!parse(subject, &name)) return std::nullopt;
    return static_cast<base::WorkerId>(name.place >> kSlotBits);
}

ReplyTable::Slot ReplyTable::locate(std::string_view subject, const account::Account& responder) const {
    Name name;
    if (!parse(subject, &name) || name.place >> kSlotBits != index_of(self_)) return kNone;
    const Slot slot = name.place & kSlotMask;
    if (slot >= entries_.size()) return kNone;
    const Entry& entry = entries_[slot];
    return entry.responder == &responder && entry.secret == name.secret ? slot : kNone;
}

ReplyTable::Slot ReplyTable::find(std::string_view subject, const account::Account& responder,
                                  uint64_t now_ns) const {
    const Slot slot = locate(subject, responder);
    if (slot == kNone) return kNone;
    return !entries_[slot].closed && entries_[slot].expires_ns > now_ns ? slot : kNone;
}

ReplyTable::Slot ReplyTable::find_sample(std::string_view subject, const account::Account& responder) const {
    const Slot slot = locate(subject, responder);
    return slot != kNone && entries_[slot].sample != nullptr ? slot : kNone;
}

ReplyRoute ReplyTable::at(Slot slot) const {
    const Entry& entry = entries_[slot];
    return {.responder = entry.responder,
            .requestor = entry.requestor,
            .charged = entry.charged,
            .reply = entry.reply,
            .type = entry.type,
            .threshold_ns = entry.threshold_ns};
}

void ReplyTable::remove(Slot slot) {
    Entry& entry = entries_[slot];
    Queue& queue = queues_[entry.charged];
    (entry.older == kNone ? queue.oldest : entries_[entry.older].newer) = entry.newer;
    (entry.newer == kNone ? queue.newest : entries_[entry.newer].older) = entry.older;
    --queue.count;
    queue.reply_bytes -= entry.reply.size();
    entry.reply.clear();
    if (entry.reply.capacity() > kKeptReplyBytes) std::string().swap(entry.reply);
    --count_;
    entry.responder = nullptr;
    entry.secret = 0;
    entry.sample.reset();
    free_.push_back(slot);
}

}  // namespace nuring::delivery

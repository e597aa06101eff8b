// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/sim_connection.h"

namespace nuring::sim {

SimConnection::SimConnection(SimClientHost& host, SimNet& net, uint64_t seed, uint16_t port)
    : host_(host), net_(net), prng_(seed), stream_(net.connect(port)) {}

void SimConnection::begin(uint32_t id) {
    id_ = id;
    stream_.watch(this, 0);
}

void SimConnection::end() {
    gone_ = true;
    out_.clear();
    in_.clear();
    stream_.watch(nullptr, -1);
    if (!stream_.closed()) stream_.close();
}

void SimConnection::say(std::string_view text) {
    if (gone_) return;
    out_ += text;
    write_out();
}

void SimConnection::write_out() {
    if (gone_ || stream_.was_reset()) return;
    out_.erase(0, stream_.write(out_));
}

void SimConnection::stop_reading(uint64_t least_ns, uint64_t most_ns) {
    stream_.set_reading(false);
    trace("stops reading");
    net_.after(net_.between(least_ns, most_ns), [this] { read_on(); });
}

void SimConnection::read_on() {
    if (stream_.reading() || gone_) return;
    stream_.set_reading(true);
    read_in();
}

void SimConnection::note_readable(int /*fd*/) {
    if (!gone_) read_in();
}

void SimConnection::note_writable(int /*fd*/) {
    write_out();
}

void SimConnection::read_in() {
    if (!stream_.reading()) return;
    in_ += stream_.read_all();
    size_t at = 0;
    while (at < in_.size() && !gone_) {
        const size_t used = take_frame(std::string_view(in_).substr(at));
        if (used == 0) break;
        at += used;
    }
    if (gone_) return;
    in_.erase(0, at);
    if (stream_.at_end() || stream_.was_reset()) on_end();
}

void SimConnection::append_subject(uint32_t token_count, std::string* subject) {
    const uint32_t depth = 1 + prng_.below(3);
    for (uint32_t i = 0; i < depth; ++i) {
        if (i > 0) *subject += '.';
        *subject += static_cast<char>('a' + prng_.below(token_count));
    }
}

void SimConnection::append_pattern(uint32_t token_count, std::string* pattern) {
    const uint32_t depth = 1 + prng_.below(3);
    for (uint32_t i = 0; i < depth; ++i) {
        if (i > 0) *pattern += '.';
        if (percent(20)) {
            *pattern += '*';
        } else if (i + 1 == depth && percent(15)) {
            *pattern += '>';
        } else {
            *pattern += static_cast<char>('a' + prng_.below(token_count));
        }
    }
}

}  // namespace nuring::sim

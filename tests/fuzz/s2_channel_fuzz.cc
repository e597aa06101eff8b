// SPDX-License-Identifier: Apache-2.0
// A link that begins to compress in the middle of its input: the lines that come out are those that the
// stream holds, in order, however it is cut and whatever pauses the link; a stream that is corrupt ends the
// link, behind the lines before; what the link answers decodes to its answers.
// Input: a byte for the size of pieces, then pairs of bytes, each of which makes a chunk of the stream.
#include "core/link/s2_channel.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "core/link/link.h"
#include "fmt/format.h"
#include "proto/s2.h"
#include "tests/fuzz/require.h"
#include "tests/support/worker_stage.h"

namespace {

using namespace nuring;
using nuring::test::require;

// The last link and what it has read.
struct Record {
    link::Link* open = nullptr;
    std::string lines;
    size_t pauses = 0;
};

// Begins to compress with "s2", pauses with "pause", echoes all lines.
class LineEcho final : public link::Link {
  public:
    LineEcho(server::WorkerState& state, int fd, Record* record)
        : Link(state.host, fd, proto::Kind::kRoute), record_(record) {
        record_->open = this;
        start();
    }
    void on_reload() override {}
    void on_account_changed() override {}
    void announce_lame_duck() override {}
    void go_on() { resume(link::PauseReason::kTurn); }

  private:
    size_t consume(const char* begin, const char* end) override {
        const char* at = begin;
        while (at < end && open() && !paused() && !input_changed()) {
            const char* line_end = std::find(at, end, '\n');
            if (line_end == end) break;
            const std::string_view line(at, static_cast<size_t>(line_end - at));
            at = line_end + 1;
            if (line == "s2" && s2_channel() == nullptr) start_compression(proto::S2Mode::kFast);
            record_->lines.append(line).push_back('\n');
            queue(fmt::format("{}\n", line));
            if (line == "pause") {
                ++record_->pauses;
                pause(link::PauseReason::kTurn);
            }
        }
        return static_cast<size_t>(at - begin);
    }
    void on_close() override { record_->open = nullptr; }

    Record* record_;
};

std::string chunk_of(std::string_view text, proto::S2Mode mode) {
    std::string chunk(proto::s2_chunk_bound(text.size(), mode), '\0');
    chunk.resize(proto::write_s2_chunk(text, mode, chunk.data()));
    return chunk;
}

std::string skippable(uint8_t type, size_t size) {
    std::string chunk{static_cast<char>(type), static_cast<char>(size & 0xff),
                      static_cast<char>(size >> 8 & 0xff), static_cast<char>(size >> 16 & 0xff)};
    return chunk + std::string(size, 'x');
}

std::string chunk_for(uint8_t what, uint8_t how) {
    switch (what % 10) {
        case 0: return chunk_of(fmt::format("line {}\n", how), proto::S2Mode::kStored);
        case 1: return chunk_of(std::string(size_t{how} * 40, 'y') + "\n", proto::S2Mode::kFast);
        case 2: return chunk_of("pause\n" + std::string(how % 5U, '\n'), proto::S2Mode::kStored);
        case 3: return chunk_of(std::string(size_t{how} * 2, '\n') + "pause\nafter\n", proto::S2Mode::kFast);
        case 4: return std::string(proto::kS2Identifier);
        case 5: return skippable(how % 2U == 0 ? 0xfe : 0x99, size_t{how} * 64);
        case 6: return chunk_of("half a li", proto::S2Mode::kStored);
        case 7: return chunk_of("", proto::S2Mode::kStored);
        case 8: {  // a bit is wrong
            std::string chunk = chunk_of("spoilt\n", proto::S2Mode::kStored);
            chunk[how % chunk.size()] ^= static_cast<char>(1U << (how % 8U));
            return chunk;
        }
        default: return std::string(1, static_cast<char>(how));
    }
}

// What a reader of the whole stream makes of it.
struct Expected {
    std::string lines;
    bool is_corrupt = false;
};

Expected expected_of(std::string_view stream) {
    proto::S2Reader reader;
    reader.set_block_max(link::S2Channel::kFirstBlockMax);
    Expected expected;
    for (;;) {
        std::string_view bytes;
        const proto::S2Status status = reader.next(&stream, &bytes);
        if (status != proto::S2Status::kBytes) {
            expected.is_corrupt = status != proto::S2Status::kNeedMore;
            break;
        }
        expected.lines += bytes;
    }
    expected.lines.resize(expected.lines.rfind('\n') + 1);  // npos + 1 is 0
    return expected;
}

void run(std::string_view stream, size_t piece) {
    Record record;  // outlives the link
    test::WorkerStage stage(1);
    test::SimPeer& peer = stage.accept_as(
        0, [&record](server::WorkerState& state, int fd) { new LineEcho(state, fd, &record); });
    std::string heard;
    const auto let_go = [&] {
        size_t pauses = 0;
        do {
            pauses = record.pauses;
            stage.on_worker(0, [&record](server::WorkerState&) {
                if (record.open != nullptr) static_cast<LineEcho*>(record.open)->go_on();
            });
            stage.settle();
            heard += peer.hear();
        } while (record.pauses != pauses);
    };
    constexpr size_t kPiecesMax = 200;  // each costs a few turns
    const std::string input = "first\ns2\n" + std::string(stream);
    piece = std::max(piece, input.size() / kPiecesMax + 1);
    for (size_t at = 0; at < input.size() && record.open != nullptr; at += piece) {
        heard += peer.ask(input.substr(at, piece));
        if (at / piece % 3 == 0) let_go();
    }
    let_go();
    stage.pass(1'000'000);
    let_go();

    const Expected expected = expected_of(stream);
    require(record.lines == "first\ns2\n" + expected.lines, "the lines of the stream, in order");
    require((record.open == nullptr) == expected.is_corrupt, "a corrupt stream ends the link, no other does");
    constexpr std::string_view kClear = "first\n";
    if (expected.is_corrupt) return;  // what it has to say may be lost with it
    require(heard.starts_with(kClear), "what was before is not compressed");
    std::string_view answer = std::string_view(heard).substr(kClear.size());
    proto::S2Reader reader;
    std::string decoded;
    std::string_view bytes;
    while (reader.next(&answer, &bytes) == proto::S2Status::kBytes) decoded += bytes;
    require(answer.empty(), "it is a stream");
    require(decoded == "s2\n" + expected.lines, "each line is answered once");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
    constexpr size_t kChunksMax = 64;
    if (size == 0) return 0;
    std::string stream(proto::kS2Identifier);
    for (size_t at = 1; at + 1 < std::min(size, 2 * kChunksMax); at += 2) {
        stream += chunk_for(bytes[at], bytes[at + 1]);
    }
    run(stream, size_t{1} + bytes[0] * 7U);
    return 0;
}

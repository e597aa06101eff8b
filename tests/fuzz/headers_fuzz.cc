// SPDX-License-Identifier: Apache-2.0
// A name, a line feed, and any bytes as a header block: edits keep a good block good, and leave one
// header of the name in any block, within the sizes that were promised.
#include "proto/headers.h"

#include <memory>
#include <string>

#include "tests/fuzz/require.h"

namespace {

using namespace nuring::proto;
using nuring::test::require;

std::string set(std::string_view block, const HeaderChange& change) {
    const size_t size = set_header_size_max(block, change);
    const auto memory = std::make_unique<char[]>(size);
    char* end = set_header(memory.get(), block, change);
    require(static_cast<size_t>(end - memory.get()) <= size, "set keeps its size");
    return {memory.get(), end};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
    const std::string_view input = nuring::test::view_of(bytes, size);
    const size_t middle = std::min(input.find('\n'), input.size());
    const std::string_view name = input.substr(0, middle);
    const std::string_view block = input.substr(std::min(middle + 1, input.size()));

    HeaderField field;
    (void)find_header(block, name, &field);
    // A status may have a CR or LF in it; what stands behind that may be removed as a line.
    const std::string_view status = header_status(block);
    const bool is_one_line = status.find_first_of("\r\n") == std::string_view::npos;
    const std::string with = set(block, {"Fuzz", "value"});
    require(find_header(with, "Fuzz", &field) && field.value == "value", "set is found");
    require(field.line == "Fuzz: value\r\n" && with.ends_with("Fuzz: value\r\n\r\n"), "at the end");
    require(set(with, {"Fuzz", "value"}) == with, "there is one");
    if (block.empty() || check_headers(block) == HeaderStatus::kOk) {
        require(check_headers(with) == HeaderStatus::kOk, "good after set");
        require(!is_one_line || header_status(with) == status, "set keeps the status");
    }
    if (name.find_first_of("\r\n: ") != std::string_view::npos) return 0;
    const std::string changed = set(block, {name, "value"});
    require(find_header(changed, name, &field) && field.value == "value",
            "what is replaced is found");
    require(set(changed, {name, "value"}) == changed, "there is one");
    return 0;
}

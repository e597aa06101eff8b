// SPDX-License-Identifier: Apache-2.0
// A name, a line feed, and any bytes as a header block: edits keep a good block good and others as
// they are, within the sizes that were promised.
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

std::string removed(std::string_view block, std::string_view name) {
    const auto memory = std::make_unique<char[]>(block.size());
    char* end = remove_header(memory.get(), block, name);
    require(static_cast<size_t>(end - memory.get()) <= block.size(), "remove keeps its size");
    return {memory.get(), end};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
    const std::string_view input = nuring::test::view_of(bytes, size);
    const size_t middle = std::min(input.find('\n'), input.size());
    const std::string_view name = input.substr(0, middle);
    const std::string_view block = input.substr(std::min(middle + 1, input.size()));

    HeaderField field;
    (void)header_status(block);
    (void)find_header(block, name, &field);
    if (check_headers(block) != HeaderStatus::kOk) {
        if (!block.empty()) require(set(block, {"A", "b"}) == block, "a bad block stays");
        require(removed(block, name) == block, "a bad block stays");
        return 0;
    }
    const std::string with = set(block, {"Fuzz", "value"});
    require(check_headers(with) == HeaderStatus::kOk, "good after set");
    require(find_header(with, "Fuzz", &field) && field.value == "value", "set is found");
    require(header_status(with) == header_status(block), "set keeps the status");
    const std::string without = removed(with, "Fuzz");
    require(!find_header(without, "Fuzz", &field), "removed is gone");
    const std::string less = removed(block, name);
    require(less.empty() || check_headers(less) == HeaderStatus::kOk, "good after remove");
    require(!find_header(less, name, &field), "removed is gone");
    return 0;
}

// SPDX-License-Identifier: Apache-2.0
// Runs a fuzz target without a fuzzer: each file of the folders named on the command line, every
// beginning of it, and some seeded mutations. Inputs lie in heap blocks of exactly their size.
#include <algorithm>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size);

namespace {

constexpr size_t kPrefixesMax = 512;
constexpr size_t kMutations = 300;

std::string_view current_input;
bool is_running = false;

void print_current_input(int /*signal*/) {
    if (!is_running) std::_Exit(1);  // a report of a sanitizer at the end of the process
    for (const char c : current_input) std::fprintf(stderr, "%02x", static_cast<unsigned char>(c));
    std::fputs(" is the input, in hex\n", stderr);
    std::_Exit(1);
}

void run_one(const std::string& input) {
    current_input = input;
    is_running = true;
    const auto block = std::make_unique<uint8_t[]>(input.size());
    std::copy(input.begin(), input.end(), block.get());
    LLVMFuzzerTestOneInput(block.get(), input.size());
    is_running = false;
}

std::string mutated(std::string input, std::mt19937& random) {
    const size_t changes = 1 + random() % 4;
    for (size_t i = 0; i < changes && !input.empty(); ++i) {
        const size_t at = random() % input.size();
        switch (random() % 4) {
            case 0:
                input[at] = static_cast<char>(random());
                break;
            case 1:
                input.erase(at, 1 + random() % 8);
                break;
            case 2: {
                // In two steps: the order of arguments is the compiler's.
                const size_t from = random() % input.size();
                input.insert(at, input.substr(from, random() % 16));
                break;
            }
            default:
                input[at] = input[random() % input.size()];
                break;
        }
    }
    return input;
}

bool run_file(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) {
        std::fprintf(stderr, "cannot read %s\n", path.c_str());
        return false;
    }
    const std::string input{std::istreambuf_iterator<char>(file), {}};
    run_one(input);
    for (size_t size = 0; size < std::min(input.size(), kPrefixesMax); ++size) {
        run_one(input.substr(0, size));
    }
    std::mt19937 random(static_cast<uint32_t>(input.size()));
    for (size_t i = 0; i < kMutations; ++i) run_one(mutated(input, random));
    return true;
}

}  // namespace

int main(int argc, char** argv) {
    std::signal(SIGABRT, print_current_input);
    std::vector<std::filesystem::path> files;
    for (int i = 1; i < argc; ++i) {
        std::error_code error;
        for (const auto& entry : std::filesystem::directory_iterator(argv[i], error)) {
            files.push_back(entry.path());
        }
    }
    std::sort(files.begin(), files.end());
    if (files.empty()) {
        std::fprintf(stderr, "no inputs\n");
        return 1;
    }
    for (const auto& file : files) {
        if (!run_file(file)) return 1;
    }
    std::printf("%zu files\n", files.size());
    return 0;
}

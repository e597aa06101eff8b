// SPDX-License-Identifier: Apache-2.0
// nats-uring-mkpasswd: a password and its bcrypt hash for the `authorization` block.
#include <fmt/format.h>

#include <charconv>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "tools/mkpasswd/ask_password.h"
#include "tools/mkpasswd/password.h"

namespace {

using nuring::tools::kCostDefault;

constexpr std::string_view kUsage =
    "Usage: nats-uring-mkpasswd [-p [password]] [-c COST] \n"
    "  -c int\n"
    "    \tThe cost weight, range of 4-31 (default 11)\n"
    "  -p\tInput password via stdin, twice without echo from a terminal\n";

struct Arguments {
    bool ask = false;
    bool help = false;
    int cost = kCostDefault;
    std::string word;   // after -p: the password, as the READMEs of nats-server write it
    std::string error;  // why they cannot be read
};

int fail(std::string_view text) {
    fmt::print(stderr, "{}\n", text);
    return 1;
}

std::string read_cost(std::string_view number, int* cost) {
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), *cost);
    if (error == std::errc{} && end == number.data() + number.size()) return {};
    return fmt::format("invalid value \"{}\" for flag -c: parse error", number);
}

// -p, -c N, -c=N, -h, each with one or two dashes.
Arguments read_arguments(int argc, char** argv) {
    Arguments out;
    for (int i = 1; i < argc && out.error.empty(); ++i) {
        std::string_view word = argv[i];
        if (!word.starts_with('-')) {
            if (!out.ask || !out.word.empty()) out.error = fmt::format("what is \"{}\"?", word);
            out.word = word;
            continue;
        }
        word.remove_prefix(word.starts_with("--") ? 2 : 1);
        if (word == "p") {
            out.ask = true;
        } else if (word == "h" || word == "help") {
            out.help = true;
        } else if (word.starts_with("c=")) {
            out.error = read_cost(word.substr(2), &out.cost);
        } else if (word == "c") {
            out.error = ++i < argc ? read_cost(argv[i], &out.cost) : "flag needs an argument: -c";
        } else {
            out.error = fmt::format("flag provided but not defined: -{}", word);
        }
    }
    return out;
}

}  // namespace

int main(int argc, char** argv) {
    const Arguments arguments = read_arguments(argc, argv);
    if (!arguments.error.empty()) {
        fmt::print(stderr, "{}\n{}", arguments.error, kUsage);
        return 2;
    }
    if (arguments.help) {
        fmt::print("{}", kUsage);
        return 0;
    }
    std::string password = arguments.word;
    if (arguments.ask && password.empty()) {
        std::string error;
        std::optional<std::string> asked = nuring::tools::ask_password(&error);
        if (!asked) return fail(error);
        password = *asked;
        explicit_bzero(asked->data(), asked->size());
    } else if (!arguments.ask) {
        const auto generated = nuring::tools::generate_password();
        if (!generated.ok()) {
            return fail(fmt::format("Error producing random integer: {}",
                                    std::string(generated.status().message())));
        }
        password = *generated;
        fmt::print("pass: {}\n", password);
        std::fflush(stdout);  // the hash takes its time
    }
    const auto hash = nuring::tools::bcrypt_hash(password, arguments.cost);
    explicit_bzero(password.data(), password.size());
    if (!hash.ok()) {
        return fail(
            fmt::format("Error producing bcrypt hash: {}", std::string(hash.status().message())));
    }
    fmt::print("bcrypt hash: {}\n", *hash);
    return 0;
}

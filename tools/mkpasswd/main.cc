// SPDX-License-Identifier: Apache-2.0
// nats-uring-mkpasswd: a password and its bcrypt hash for the `authorization` block.
#include <fmt/format.h>
#include <termios.h>
#include <unistd.h>

#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "tools/mkpasswd/password.h"

namespace {

using nuring::tools::kCostDefault;

constexpr std::string_view kUsage =
    "Usage: nats-uring-mkpasswd [-p <stdin password>] [-c COST] \n"
    "  -c int\n"
    "    \tThe cost weight, range of 4-31 (default 11)\n"
    "  -p\tInput password via stdin\n";

struct Arguments {
    bool ask = false;
    bool help = false;
    int cost = kCostDefault;
};

int fail(std::string_view text) {
    fmt::print(stderr, "{}\n", text);
    return 1;
}

// -p, -c N, -c=N, -h, each with one or two dashes.
std::optional<Arguments> read_arguments(int argc, char** argv) {
    Arguments out;
    for (int i = 1; i < argc; ++i) {
        std::string_view word = argv[i];
        if (!word.starts_with('-')) return std::nullopt;
        word.remove_prefix(word.starts_with("--") ? 2 : 1);
        if (word == "p") {
            out.ask = true;
        } else if (word == "h" || word == "help") {
            out.help = true;
        } else if (word == "c" || word.starts_with("c=")) {
            if (word == "c" && ++i == argc) return std::nullopt;
            const std::string_view number = word == "c" ? argv[i] : word.substr(2);
            const auto [end, error] =
                std::from_chars(number.data(), number.data() + number.size(), out.cost);
            if (error != std::errc{} || end != number.data() + number.size()) return std::nullopt;
        } else {
            return std::nullopt;
        }
    }
    return out;
}

volatile std::sig_atomic_t caught_signal = 0;

void note_signal(int signal) {
    caught_signal = signal;
}

// Echo is off while it lives. A signal that would end the program first lets it switch echo on.
class SilentTerminal {
  public:
    SilentTerminal() {
        silent_ = tcgetattr(STDIN_FILENO, &before_) == 0;
        if (!silent_) return;
        struct sigaction action = {};
        action.sa_handler = note_signal;  // no SA_RESTART: read() returns
        sigaction(SIGINT, &action, &interrupt_);
        sigaction(SIGTERM, &action, &terminate_);
        termios quiet = before_;
        quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
    }
    SilentTerminal(const SilentTerminal&) = delete;
    SilentTerminal& operator=(const SilentTerminal&) = delete;
    ~SilentTerminal() {
        if (!silent_) return;
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
        sigaction(SIGINT, &interrupt_, nullptr);
        sigaction(SIGTERM, &terminate_, nullptr);
        if (caught_signal != 0) std::raise(caught_signal);
    }

  private:
    bool silent_ = false;
    termios before_ = {};
    struct sigaction interrupt_ = {};
    struct sigaction terminate_ = {};
};

// One line of standard input; nothing at its end before any byte, or after a signal.
std::optional<std::string> read_line() {
    constexpr size_t kLineMax = 4096;
    std::string line;
    char c = 0;
    bool any = false;
    while (line.size() < kLineMax) {
        const ssize_t count = read(STDIN_FILENO, &c, 1);
        if (count < 0) return std::nullopt;
        if (count == 0 || c == '\n') break;
        any = true;
        line += c;
    }
    if (!any && c != '\n') return std::nullopt;
    if (line.ends_with('\r')) line.pop_back();
    return line;
}

// Twice from a terminal, without echo. From a pipe once; a second line, if any, must be the same.
// The prompts go to stderr, so that the hash alone can be caught.
std::optional<std::string> ask_password(std::string* error) {
    const bool terminal = isatty(STDIN_FILENO) != 0;
    const SilentTerminal silent;
    if (terminal) fmt::print(stderr, "Enter Password: ");
    std::optional<std::string> first = read_line();
    if (!first) {
        *error = "Error reading password: EOF";
        return std::nullopt;
    }
    if (terminal) fmt::print(stderr, "\nReenter Password: ");
    const std::optional<std::string> second = read_line();
    if (terminal) fmt::print(stderr, "\n");
    if (second ? *second != *first : terminal) {
        *error = "Error, passwords do not match";
        return std::nullopt;
    }
    return first;
}

}  // namespace

int main(int argc, char** argv) {
    const std::optional<Arguments> arguments = read_arguments(argc, argv);
    if (!arguments) {
        fmt::print(stderr, "{}", kUsage);
        return 2;
    }
    if (arguments->help) {
        fmt::print("{}", kUsage);
        return 0;
    }
    std::string password;
    if (arguments->ask) {
        std::string error;
        std::optional<std::string> asked = ask_password(&error);
        if (!asked) return fail(error);
        password = *asked;
        explicit_bzero(asked->data(), asked->size());
    } else {
        const auto generated = nuring::tools::generate_password();
        if (!generated.ok()) {
            return fail(fmt::format("Error producing random integer: {}",
                                    std::string(generated.status().message())));
        }
        password = *generated;
        fmt::print("pass: {}\n", password);
        std::fflush(stdout);  // the hash takes its time
    }
    const auto hash = nuring::tools::bcrypt_hash(password, arguments->cost);
    explicit_bzero(password.data(), password.size());
    if (!hash.ok()) {
        return fail(
            fmt::format("Error producing bcrypt hash: {}", std::string(hash.status().message())));
    }
    fmt::print("bcrypt hash: {}\n", *hash);
    return 0;
}

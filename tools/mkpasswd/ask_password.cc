// SPDX-License-Identifier: Apache-2.0
#include "tools/mkpasswd/ask_password.h"

#include <fmt/format.h>
#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <csignal>

namespace nuring::tools {
namespace {

volatile std::sig_atomic_t caught_signal = 0;

void note_signal(int signal) {
    caught_signal = signal;
}

// Echo is off while it lives. A signal that would end the program first lets it switch echo on: it is held
// back but while wait_readable() waits, lest one that comes just before a read() is slept through.
class SilentTerminal {
  public:
    SilentTerminal() {
        sigprocmask(SIG_BLOCK, nullptr, &mask_);
        silent_ = tcgetattr(STDIN_FILENO, &before_) == 0;
        if (!silent_) return;
        sigset_t both;
        sigemptyset(&both);
        sigaddset(&both, SIGINT);
        sigaddset(&both, SIGTERM);
        sigprocmask(SIG_BLOCK, &both, nullptr);
        struct sigaction action = {};
        action.sa_handler = note_signal;
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
        sigprocmask(SIG_SETMASK, &mask_, nullptr);
        if (caught_signal != 0) std::raise(caught_signal);
    }

    // False after a signal.
    bool wait_readable() const {
        pollfd input = {.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
        return ppoll(&input, 1, nullptr, &mask_) == 1;
    }

  private:
    bool silent_ = false;
    termios before_ = {};
    sigset_t mask_ = {};
    struct sigaction interrupt_ = {};
    struct sigaction terminate_ = {};
};

// One line of standard input; nothing at its end before any byte, or after a signal.
std::optional<std::string> read_line(const SilentTerminal& terminal) {
    constexpr size_t kLineMax = 4096;
    std::string line;
    char c = 0;
    bool any = false;
    while (line.size() < kLineMax) {
        if (!terminal.wait_readable()) return std::nullopt;
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

}  // namespace

std::optional<std::string> ask_password(std::string* error) {
    const bool terminal = isatty(STDIN_FILENO) != 0;
    const SilentTerminal silent;
    if (terminal) fmt::print(stderr, "Enter Password: ");
    std::optional<std::string> first = read_line(silent);
    if (!first) {
        *error = "Error reading password: EOF";
        return std::nullopt;
    }
    if (terminal) fmt::print(stderr, "\nReenter Password: ");
    const std::optional<std::string> second = read_line(silent);
    if (terminal) fmt::print(stderr, "\n");
    if (second ? *second != *first : terminal) {
        *error = "Error, passwords do not match";
        return std::nullopt;
    }
    if (first->empty()) {
        *error = "Error, the password is empty";
        return std::nullopt;
    }
    return first;
}

}  // namespace nuring::tools

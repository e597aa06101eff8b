// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace nuring::delivery {

// FramePool lends memory for what is written anew in the middle of a turn: the frame of an odd message, a
// mapped subject, a line of protocol. Each loan has one owner until it ends, whatever runs meanwhile; its
// memory is used again afterwards, so that nothing is allocated in the steady state.
// Threads: one worker. Limits: a text above kKeptBytesMax is freed when its loan ends. Errors: none.
// Lifetime: outlives its loans.
class FramePool {
  public:
    class Loan;

    static constexpr size_t kKeptBytesMax = 64 * 1024;

  private:
    std::vector<std::unique_ptr<std::string>> free_;
};

// Loan is one text of the pool, with the bytes of an earlier loan in it.
class FramePool::Loan {
  public:
    explicit Loan(FramePool& pool) : pool_(pool) {
        if (pool_.free_.empty()) {
            text_ = std::make_unique<std::string>();
        } else {
            text_ = std::move(pool_.free_.back());
            pool_.free_.pop_back();
        }
    }
    ~Loan() {
        if (text_->capacity() > kKeptBytesMax) *text_ = {};
        pool_.free_.push_back(std::move(text_));
    }
    Loan(const Loan&) = delete;
    Loan& operator=(const Loan&) = delete;

    std::string& text() { return *text_; }

  private:
    FramePool& pool_;
    std::unique_ptr<std::string> text_;
};

}  // namespace nuring::delivery

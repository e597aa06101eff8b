// SPDX-License-Identifier: Apache-2.0
#include "proto/encode_client.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "proto/error_text.h"

namespace nuring::proto {
namespace {

// Runs an encoder on exactly `size` bytes of heap, so that a sanitizer sees one byte too many.
template <typename Encode>
std::string encoded(size_t size, Encode encode) {
    const auto memory = std::make_unique<char[]>(size);
    char* end = encode(memory.get());
    EXPECT_LE(static_cast<size_t>(end - memory.get()), size);
    return {memory.get(), end};
}

std::string msg(const MessageHead& head, uint32_t total) {
    return encoded(message_head_size_max(head),
                   [&](char* out) { return encode_msg_head(out, head, total); });
}

TEST(EncodeClientTest, MessageHeadHasSingleSpaces) {
    EXPECT_EQ(msg({"foo", "1", ""}, 5), "MSG foo 1 5\r\n");
    EXPECT_EQ(msg({"foo.bar", "12", "_INBOX.x"}, 0), "MSG foo.bar 12 _INBOX.x 0\r\n");
    EXPECT_EQ(msg({"foo", "1", ""}, UINT32_MAX), "MSG foo 1 4294967295\r\n");
}

TEST(EncodeClientTest, EveryLengthIsCopiedWhole) {
    for (size_t size = 1; size < 100; ++size) {
        std::string subject(size, ' ');
        for (size_t i = 0; i < size; ++i) subject[i] = static_cast<char>('!' + i % 90);
        ASSERT_EQ(msg({subject, "9", subject}, 1), "MSG " + subject + " 9 " + subject + " 1\r\n");
        ASSERT_EQ(
            encoded(subject.size() + 5, [&](char* out) { return encode_msg_start(out, subject); }),
            "MSG " + subject + " ");
    }
}

TEST(EncodeClientTest, DecimalsAgreeWithTheLibrary) {
    const auto decimal = [](uint64_t value) {
        return encoded(decimal_size(value), [&](char* out) { return write_decimal(out, value); });
    };
    for (uint64_t value = 0; value < 20000; ++value)
        ASSERT_EQ(decimal(value), std::to_string(value));
    for (uint64_t power = 1; power < UINT64_MAX / 10; power *= 10) {
        for (const uint64_t value : {power - 1, power, power + 1, power * 9}) {
            ASSERT_EQ(decimal(value), std::to_string(value));
        }
    }
    EXPECT_EQ(decimal(UINT64_MAX), std::to_string(UINT64_MAX));
}

TEST(EncodeClientTest, ParsesDecimals) {
    EXPECT_EQ(parse_decimal("0"), 0);
    EXPECT_EQ(parse_decimal("007"), 7);
    EXPECT_EQ(parse_decimal("00000000000000000000000000012"), 12);
    EXPECT_EQ(parse_decimal("9223372036854775806"), INT64_MAX - 1);
    EXPECT_EQ(parse_decimal("9223372036854775808"), kDecimalOverflow);
    EXPECT_EQ(parse_decimal("18446744073709551617"), kDecimalOverflow);
    for (const std::string_view text :
         {"", "-1", "+1", " 1", "1 ", "1x", "99999999999999999999x"}) {
        EXPECT_EQ(parse_decimal(text), -1) << text;
    }
}

TEST(EncodeClientTest, ErrorFrameQuotesItsText) {
    const std::string_view text = kErrUnknownOperation;
    EXPECT_EQ(encoded(err_frame_size(text), [&](char* out) { return encode_err(out, text); }),
              "-ERR 'Unknown Protocol Operation'\r\n");
    EXPECT_EQ(err_frame_size(text), std::string("-ERR 'Unknown Protocol Operation'\r\n").size());
}

TEST(EncodeClientTest, NoRespondersFrameIsAStatus503) {
    const NoResponders to = {"_INBOX.x", "7"};
    EXPECT_EQ(encoded(no_responders_frame_size(to),
                      [&](char* out) { return encode_no_responders(out, to); }),
              "HMSG _INBOX.x 7 16 16\r\nNATS/1.0 503\r\n\r\n\r\n");
}

}  // namespace
}  // namespace nuring::proto

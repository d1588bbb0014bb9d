// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/text/precompiled_normalizer.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "unicode/brkiter.h"
#include "unicode/locid.h"
#include "unicode/utext.h"

#include "index/util/status_macros.h"

namespace copse {
namespace {

constexpr size_t kGraphemeSizeMax = 5;

uint32_t LoadUnit(absl::string_view bytes, size_t offset) {
  uint32_t unit = 0;
  for (size_t i = 0; i < 4; ++i) {
    unit |= uint32_t{static_cast<unsigned char>(bytes[offset + i])} << (8 * i);
  }
  return unit;
}

// The double array, which anybody may have made: no walk leaves it.
class CharacterMap {
 public:
  CharacterMap(std::vector<uint32_t> units, std::string replacements)
      : units_(std::move(units)), replacements_(std::move(replacements)) {}

  // Returns what replaces `text`, by the shortest match it begins with.
  std::optional<absl::string_view> Find(absl::string_view text) const {
    size_t node = 0;
    node ^= OffsetOf(units_[node]);
    for (const char c : text) {
      const auto byte = static_cast<unsigned char>(c);
      node ^= byte;
      if (byte == 0 || node >= units_.size() ||
          (units_[node] & 0x800000FF) != byte) {
        return std::nullopt;
      }
      const uint32_t unit = units_[node];
      node ^= OffsetOf(unit);
      if ((unit >> 8 & 1) != 0) {
        return node < units_.size() ? ReplacementAt(units_[node] & 0x7FFFFFFF)
                                    : std::nullopt;
      }
    }
    return std::nullopt;
  }

 private:
  static size_t OffsetOf(uint32_t unit) {
    return size_t{unit >> 10} << ((unit & 0x200) >> 6);
  }

  std::optional<absl::string_view> ReplacementAt(size_t offset) const {
    if (offset >= replacements_.size()) {
      return std::nullopt;
    }
    const absl::string_view rest =
        absl::string_view(replacements_).substr(offset);
    return rest.substr(0, rest.find('\0'));
  }

  const std::vector<uint32_t> units_;  // At least one.
  const std::string replacements_;
};

class PrecompiledNormalizer final : public TextNormalizer {
 public:
  explicit PrecompiledNormalizer(CharacterMap map) : map_(std::move(map)) {}

  absl::Status Normalize(AlignedText& text) const override {
    const absl::string_view input = text.text();
    AlignedTextBuilder builder(text);
    UErrorCode code = U_ZERO_ERROR;
    const std::unique_ptr<icu::BreakIterator> graphemes(
        icu::BreakIterator::createCharacterInstance(icu::Locale::getRoot(),
                                                    code));
    UText view = UTEXT_INITIALIZER;
    utext_openUTF8(&view, input.data(), static_cast<int64_t>(input.size()),
                   &code);
    if (U_SUCCESS(code)) {
      graphemes->setText(&view, code);
    }
    if (U_FAILURE(code)) {
      utext_close(&view);
      return absl::InternalError(
          absl::StrCat("ICU cannot find graphemes: ", u_errorName(code)));
    }
    size_t begin = 0;
    for (int32_t end = graphemes->next(); end != icu::BreakIterator::DONE;
         end = graphemes->next()) {
      RewriteGrapheme(input, {.begin = begin, .end = static_cast<size_t>(end)},
                      builder);
      begin = static_cast<size_t>(end);
    }
    utext_close(&view);
    text = std::move(builder).Build();
    return absl::OkStatus();
  }

 private:
  void RewriteGrapheme(absl::string_view input, TextRange grapheme,
                       AlignedTextBuilder& builder) const {
    if (grapheme.size() <= kGraphemeSizeMax) {
      if (const auto replacement = map_.Find(grapheme.In(input))) {
        builder.Replace(grapheme, *replacement);
        return;
      }
    }
    for (size_t offset = grapheme.begin; offset < grapheme.end;) {
      TextRange range = {.begin = offset};
      NextCodePoint(input, offset);
      range.end = offset;
      if (const auto replacement = map_.Find(range.In(input))) {
        builder.Replace(range, *replacement);
      } else {
        builder.Copy(range);
      }
    }
  }

  const CharacterMap map_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<const TextNormalizer>> MakePrecompiledNormalizer(
    absl::string_view encoded) {
  std::string bytes;
  if (!absl::Base64Unescape(encoded, &bytes) || bytes.size() < 4) {
    return absl::InvalidArgumentError(
        "'precompiled_charsmap' is no Base64 of at least 4 bytes");
  }
  const size_t trie_size = LoadUnit(bytes, 0);
  if (trie_size < 4 || trie_size % 4 != 0 || trie_size > bytes.size() - 4) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "'precompiled_charsmap' has a trie of %d bytes, expected a multiple of "
        "4 up to %d",
        trie_size, bytes.size() - 4));
  }
  std::vector<uint32_t> units(trie_size / 4);
  for (size_t i = 0; i < units.size(); ++i) {
    units[i] = LoadUnit(bytes, 4 + 4 * i);
  }
  std::string replacements = bytes.substr(4 + trie_size);
  // Replaced text is text: what follows relies on it.
  COPSE_RETURN_IF_ERROR(
      AnnotateStatus(CheckUtf8(replacements), "'precompiled_charsmap'"));
  return std::make_unique<PrecompiledNormalizer>(
      CharacterMap(std::move(units), std::move(replacements)));
}

}  // namespace copse

// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "clients/cli/markdown_sections.h"

#include <cstddef>
#include <random>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "clients/cli/utf8.h"

namespace copse {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// The anchors of all sections, "(none)" for the part before the headings.
std::vector<std::string> Anchors(absl::string_view text) {
  std::vector<std::string> anchors;
  for (const MarkdownSection& section : SplitMarkdown(text)) {
    anchors.push_back(section.anchor.value_or("(none)"));
  }
  return anchors;
}

TEST(MarkdownSectionsTest, SplitsAtHeadingsAndKeepsWhatStandsBefore) {
  const std::string text = "Intro.\n\n# One\nfirst\n## Two\n\nsecond";
  const std::vector<MarkdownSection> sections = SplitMarkdown(text);
  ASSERT_THAT(sections, SizeIs(3));
  EXPECT_FALSE(sections[0].anchor.has_value());
  EXPECT_EQ(sections[0].text, "Intro.\n\n");
  EXPECT_EQ(sections[1].anchor, "one");
  EXPECT_EQ(sections[1].heading, "One");
  EXPECT_EQ(sections[1].text, "# One\nfirst\n");
  EXPECT_EQ(sections[2].anchor, "two");
  EXPECT_EQ(sections[2].text, "## Two\n\nsecond");
}

TEST(MarkdownSectionsTest, NumbersEqualHeadingsAsGitHubDoes) {
  EXPECT_THAT(Anchors("# A\n# A\n# A-1\n# A\n"),
              ElementsAre("a", "a-1", "a-1-1", "a-2"));
  EXPECT_THAT(Anchors("# !\n# ?\n"), ElementsAre("", "-1"));
}

TEST(MarkdownSectionsTest, KnowsUnderlinedHeadings) {
  EXPECT_THAT(Anchors("Title\n=====\ntext\n\nPart two\n---\n"),
              ElementsAre("title", "part-two"));
  EXPECT_THAT(Anchors("Two\nlines\n===\n"), ElementsAre("two-lines"));
  EXPECT_THAT(Anchors("- item\n---\n"), ElementsAre("(none)"));
  EXPECT_THAT(Anchors("> quote\n---\n"), ElementsAre("(none)"));
  EXPECT_THAT(Anchors("text\n\n---\nmore\n"), ElementsAre("(none)"));
}

TEST(MarkdownSectionsTest, TakesNothingForAHeadingThatIsNone) {
  EXPECT_THAT(Anchors("```sh\n# no\n```\n# yes\n"),
              ElementsAre("(none)", "yes"));
  EXPECT_THAT(Anchors("~~~\n# no\n```\n# no\n~~~\n# yes\n"),
              ElementsAre("(none)", "yes"));
  EXPECT_THAT(Anchors("````\n```\n# no\n````\n"), ElementsAre("(none)"));
  EXPECT_THAT(Anchors("    # code\n\t# code\n"), ElementsAre("(none)"));
  EXPECT_THAT(Anchors("#no\n####### no\n"), ElementsAre("(none)"));
  EXPECT_THAT(Anchors("<!-- \n# no\n-->\n# yes\n"),
              ElementsAre("(none)", "yes"));
  EXPECT_THAT(Anchors("<pre>\n# no\n</PRE>\n# yes\n"),
              ElementsAre("(none)", "yes"));
  EXPECT_THAT(Anchors("<!-- one line -->\n# yes\n"),
              ElementsAre("(none)", "yes"));
}

TEST(MarkdownSectionsTest, LeavesFrontMatterBeforeTheFirstHeading) {
  EXPECT_THAT(Anchors("---\ntitle: x\n# comment\n---\n# yes\n"),
              ElementsAre("(none)", "yes"));
  EXPECT_THAT(Anchors("+++\ntitle = 1\n+++\n# yes\n"),
              ElementsAre("(none)", "yes"));
  EXPECT_THAT(Anchors("---\n# yes\n"), ElementsAre("(none)", "yes"));
}

TEST(MarkdownSectionsTest, ReadsWindowsLineEndsAndAByteOrderMark) {
  EXPECT_THAT(Anchors("\xef\xbb\xbf# One\r\ntext\r\n## Two ##\r\n"),
              ElementsAre("one", "two"));
}

TEST(MarkdownSectionsTest, MakesAnchorsOfWhatAReaderSees) {
  EXPECT_EQ(PlainHeading("See [the *docs*](https://a.b/c_(d)) now"),
            "See the docs now");
  EXPECT_EQ(PlainHeading("`a_b` and __bold__ snake_case *x*"),
            "a_b and bold snake_case x");
  EXPECT_EQ(PlainHeading("<a name=\"x\"></a>Name ![alt](pic.png)"), "Name");
  EXPECT_EQ(PlainHeading("1 < 2 \\* 3 [brackets]"), "1 < 2 * 3 [brackets]");
  EXPECT_EQ(PlainHeading("[![badge](a)](b) Title"), "Title");
  EXPECT_EQ(HeadingAnchor("What's new? (2.0) -- C++ & more_things"),
            "whats-new-20----c--more_things");
  EXPECT_EQ(HeadingAnchor("\xc3\x9c"
                          "ber \xe4\xb8\xad\xe6\x96\x87"),
            "\xc3\xbc"
            "ber-\xe4\xb8\xad\xe6\x96\x87");
}

TEST(MarkdownSectionsTest, AnEmptyTextHasNoSections) {
  EXPECT_THAT(SplitMarkdown(""), IsEmpty());
}

TEST(MarkdownSectionsTest, CutsALongHeadingAtACharacter) {
  std::string heading;
  for (int i = 0; i < 400; ++i) {
    heading += "\xc3\xa4\xe4\xb8\xad";
  }
  const std::string anchor = HeadingAnchor(heading);
  EXPECT_LE(anchor.size(), 512u);
  EXPECT_GE(anchor.size(), 509u);
  EXPECT_TRUE(IsValidUtf8(anchor));
}

TEST(MarkdownSectionsTest, LosesNothingAndRepeatsNoAnchorOnRandomText) {
  constexpr uint32_t kSeed = 20260311;
  SCOPED_TRACE(absl::StrCat("seed ", kSeed));
  std::mt19937 random(kSeed);
  const std::vector<std::string> pieces = {
      "#",   "# A", "\n",  "\r\n", "---", "===", "```", "~~~",     "<!--",
      "-->", "  ",  "\t",  "text", "- x", "> q", "[",   "](",      ")",
      "`",   "*",   "__b", "<pre", "<a>", "\\",  "![",  "\xc3\xa4"};
  for (int round = 0; round < 2000; ++round) {
    std::string text;
    for (int i = 0; i < 40; ++i) {
      text += pieces[random() % pieces.size()];
    }
    std::string joined;
    absl::flat_hash_set<std::string> anchors;
    for (const MarkdownSection& section : SplitMarkdown(text)) {
      joined += std::string(section.text);
      const std::string name =
          section.anchor.has_value() ? "#" + *section.anchor : "";
      EXPECT_TRUE(anchors.insert(name).second) << text;
    }
    EXPECT_EQ(joined, text);
  }
}

TEST(MarkdownSectionsTest, ALineOfBracketsTakesNoQuadraticTime) {
  const std::string text = "# " + std::string(1 << 20, '[') + "\n";
  EXPECT_THAT(SplitMarkdown(text), SizeIs(1));
  std::string links = "# ";
  for (int i = 0; i < 20000; ++i) {
    links += "[a](b)";
  }
  EXPECT_THAT(SplitMarkdown(links), SizeIs(1));
}

}  // namespace
}  // namespace copse

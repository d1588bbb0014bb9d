// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "clients/cli/explanation_text.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "copse/v1/search_service.pb.h"

namespace copse {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

class ExplanationTextTest : public ::testing::Test {
 protected:
  ExplanationTextTest() {
    explanation_.set_chunk_count(300);
    neighbor_.mutable_document()->set_document_id("readme");
  }

  v1::SearchExplanation::VectorSearch& AddVectorSearch() {
    auto& search = *explanation_.add_vector_searches();
    search.set_passing_chunk_count(300);
    search.set_used_index(true);
    search.set_round_count(1);
    return search;
  }

  void AddTextPart() {
    auto& part = *neighbor_.mutable_explanation()->mutable_text();
    part.set_rank(3);
    part.set_score(1.25);
    part.set_chunk_number(1);
    part.set_length(40);
    part.set_value(1 / 63.0);
    v1::TermScore& term = *part.add_terms();
    term.set_term("install");
    term.set_inverse_document_frequency(2);
    term.set_matching_chunk_count(1);
    term.set_saturation(0.625);
    term.set_count(2);
    term.set_score(1.25);
    part.add_terms()->set_term("absent");
  }

  std::string Format(
      v1::Fusion::Method method = v1::Fusion::METHOD_RECIPROCAL_RANK) const {
    return FormatExplanation(explanation_, work_, {neighbor_}, method);
  }

  v1::SearchExplanation explanation_;
  v1::SearchWork work_;
  v1::Neighbor neighbor_;
};

TEST_F(ExplanationTextTest, TellsHowVectorsWereSearched) {
  auto& search = AddVectorSearch();
  work_.set_scanned_row_count(200);
  work_.set_reranked_row_count(60);
  work_.set_page_count(4);
  neighbor_.mutable_explanation()->mutable_vector()->set_rank(1);
  neighbor_.mutable_explanation()->mutable_vector()->set_distance(0.25);
  EXPECT_EQ(Format(),
            "how it was searched\n"
            "  vectors: all 300 chunks, found through the index\n"
            "  work: 200 distances estimated or computed, 60 of them computed "
            "after an estimate; pages of the index read: 4\n"
            "readme\n"
            "  vectors: place 1, distance 0.2500\n");
  search.set_passing_chunk_count(20);
  search.set_directly_compared_chunk_count(5);
  search.set_round_count(2);
  EXPECT_THAT(
      Format(),
      HasSubstr("  vectors: 20 of 300 chunks pass the filters, 5 of them "
                "compared one by one, as the index does not have them, the "
                "others found through it; asked 2 times, each time for "
                "more\n"));
  search.set_used_index(false);
  search.set_round_count(1);
  work_.set_page_count(0);
  EXPECT_THAT(Format(), HasSubstr("  work: 200 distances computed\n"));
  EXPECT_THAT(Format(),
              HasSubstr("  vectors: 20 of 300 chunks pass the filters, "
                        "compared one by one, without the index\n"));
}

TEST_F(ExplanationTextTest, TellsWhatEachWordAdds) {
  auto& search = *explanation_.add_text_searches();
  search.set_matching_chunk_count(12);
  search.set_chunk_count(290);
  search.set_mean_length(32.1);
  AddTextPart();
  EXPECT_EQ(
      Format(),
      "how it was searched\n"
      "  words: 12 of 290 chunks have a word of the query and pass the "
      "filters; a chunk has 32.1 words on average\n"
      "readme\n"
      "  words: place 3, BM25 score 1.2500 of chunk 2, which has 40 words\n"
      "    install: 2.0000 (in 1 chunk) * 0.6250 (2 times here) = 1.2500\n"
      "\nOf a word: how rare it is, ln(1 + (n - m + 0.5) / (m + 0.5)) for m of "
      "n chunks,\ntimes what its count in the chunk is worth, is what it adds "
      "to the BM25 score.\n");
}

TEST_F(ExplanationTextTest, TellsHowBothBecomeAScore) {
  AddTextPart();
  neighbor_.set_score(0.75 / 63);
  neighbor_.mutable_explanation()->set_vector_weight(0.25);
  EXPECT_THAT(Format(),
              HasSubstr("readme\n"
                        "  vectors: not among those found, counts 0\n"
                        "  words: place 3, BM25 score 1.2500 of chunk 2, which "
                        "has 40 words; 1 / (60 + 3) * weight 0.75 = 0.0119\n"
                        "    install: "));
  EXPECT_THAT(Format(), HasSubstr("\n  score: 0.0119, the sum of both\n"));
  neighbor_.mutable_explanation()->mutable_text()->set_value(0.5);
  EXPECT_THAT(Format(v1::Fusion::METHOD_NORMALIZED_SCORES),
              AllOf(HasSubstr("; normalized 0.5000 * weight 0.75 = 0.3750\n"),
                    EndsWith("of\nwords the share of the best BM25 score.\n")));
  EXPECT_THAT(Format(), Not(HasSubstr("Normalized")));
  neighbor_.mutable_explanation()->clear_text();
  neighbor_.mutable_explanation()->mutable_vector()->set_rank(1);
  EXPECT_THAT(Format(),
              HasSubstr("  words: not among those found, counts 0\n"));
  EXPECT_THAT(Format(), Not(HasSubstr("Of a word")));
}

}  // namespace
}  // namespace copse

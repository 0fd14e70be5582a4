// Score flows by a model of oddflow, without Python: read a bundle's arrays and do its arithmetic.
//
//	score BUNDLE               score the rows that came along, and compare: exit code 1 where they differ
//	score BUNDLE features.csv  score these rows of features, in the manifest's order: score and p-value
//
// BUNDLE is the folder of a version in a registry.
package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
)

// tolerance is relative: another processor's power or logarithm may differ in the last bits.
const tolerance = 1e-9

type manifest struct {
	Name     string `json:"name"`
	Version  string `json:"version"`
	Kind     string `json:"kind"`
	Features struct {
		Features []any `json:"features"`
	} `json:"features"`
}

func main() {
	if len(os.Args) < 2 || len(os.Args) > 3 {
		fmt.Fprintln(os.Stderr, "usage: score BUNDLE [features.csv]")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "score:", err)
		os.Exit(1)
	}
}

func run(folder string, data []string) error {
	about, all, err := readBundle(folder)
	if err != nil {
		return err
	}
	score, err := newScorer(about.Kind, all.part("model."))
	if err != nil {
		return err
	}
	if len(data) == 1 {
		return scoreFile(data[0], len(about.Features.Features), score, pValue(all.part("calibration.")))
	}
	return selfTest(about, all, score)
}

func readBundle(folder string) (manifest, arrays, error) {
	var about manifest
	text, err := os.ReadFile(filepath.Join(folder, "model.json"))
	if err != nil {
		return about, nil, err
	}
	if err := json.Unmarshal(text, &about); err != nil {
		return about, nil, fmt.Errorf("model.json: %w", err)
	}
	all, err := readArrays(filepath.Join(folder, "arrays.safetensors"))
	return about, all, err
}

// selfTest scores the rows that came along, by the model and by that of single flows where there is one.
func selfTest(about manifest, all arrays, score scorer) error {
	rows := all.table("self_test.rows")
	furthest := compared(rows, all.line("self_test.scores"), score)
	if expected := all.line("self_test.single"); expected != nil {
		single := all.part("single.model.")
		if len(single) == 0 {
			single = all.part("model.members.single-flows.")
		}
		width := len(single.line("centre"))
		alone := spreadClusters(single)
		furthest = max(furthest, compared(rows, expected, func(row []float32) float64 { return alone(row[:width]) }))
	}
	told := map[string]any{
		"model": about.Name, "version": about.Version, "kind": about.Kind,
		"rows": len(rows), "furthest": furthest, "same": furthest <= tolerance,
	}
	if err := json.NewEncoder(os.Stdout).Encode(told); err != nil {
		return err
	}
	if len(rows) == 0 || !(furthest <= tolerance) {
		return fmt.Errorf("scores differ by %g", furthest)
	}
	return nil
}

func compared(rows [][]float64, expected []float64, score scorer) float64 {
	furthest := 0.0
	for i, row := range rows {
		away := math.Abs(score(single(row))-expected[i]) / math.Max(1, math.Abs(expected[i]))
		furthest = math.Max(furthest, away)
	}
	return furthest
}

func single(row []float64) []float32 {
	narrow := make([]float32, len(row))
	for i, value := range row {
		narrow[i] = float32(value)
	}
	return narrow
}

func scoreFile(path string, width int, score scorer, p func(float64) float64) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	lines := csv.NewReader(file)
	lines.FieldsPerRecord = width
	for {
		cells, err := lines.Read()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		row := make([]float32, width)
		for i, cell := range cells {
			value, err := strconv.ParseFloat(cell, 32)
			if err != nil {
				return err
			}
			row[i] = float32(value)
		}
		scored := score(row)
		fmt.Printf("%.17g,%.17g\n", scored, p(scored))
	}
}

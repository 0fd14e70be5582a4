package main

import (
	"fmt"
	"math"
	"sort"
)

// scorer scores one row of features; higher is more anomalous. The conversions such as float64(x * y) keep a compiler
// from fusing a product with a sum, which would round otherwise than the file's maker did.
type scorer func(row []float32) float64

// order is that in which an ensemble combines its members.
var order = []string{"isolation-forest", "kmeans", "kmeans-spread", "hbos", "ecod", "pca", "single-flows"}

// newScorer makes the model of a kind from its arrays.
func newScorer(kind string, from arrays) (scorer, error) {
	switch kind {
	case "isolation-forest":
		return forest(from), nil
	case "kmeans":
		return clusters(from), nil
	case "kmeans-spread", "single-flows":
		return spreadClusters(from), nil
	case "hbos", "ecod":
		return steps(from), nil
	case "pca":
		return components(from), nil
	case "ensemble":
		return ensemble(from)
	}
	return nil, fmt.Errorf("kind %s is unknown", kind)
}

// forest: trees are complete binary heaps. The score is 2^(−mean path length / normal length).
func forest(from arrays) scorer {
	features, thresholds, lengths := from.table("features"), from.table("thresholds"), from.table("lengths")
	normal := from.line("normal_length")[0]
	return func(row []float32) float64 {
		total := 0.0
		for tree, columns := range features {
			node := 0
			for node < len(columns) {
				above := float64(row[int(columns[node])]) > thresholds[tree][node]
				node = 2*node + 1
				if above {
					node++
				}
			}
			total += lengths[tree][node]
		}
		return math.Pow(2, -(total / (float64(len(features)) * normal)))
	}
}

// scaling: (value − centre) / scale, held within ±clip.
func scaling(from arrays) func(value float32, feature int) float64 {
	centre, scale, clip := from.line("centre"), from.line("scale"), from.line("clip")[0]
	return func(value float32, feature int) float64 {
		return math.Min(math.Max((float64(value)-centre[feature])/scale[feature], -clip), clip)
	}
}

// squares gives the squared distance of a row to each point (features × points), in float64.
func squares(points [][]float64, scaled func(float32, int) float64, row []float32) []float64 {
	sums := make([]float64, len(points[0]))
	for feature, along := range points {
		value := scaled(row[feature], feature)
		for point, at := range along {
			away := value - at
			sums[point] += float64(away * away)
		}
	}
	return sums
}

// clusters: the distance to the nearest centre.
func clusters(from arrays) scorer {
	centres, scaled := from.table("centres"), scaling(from)
	return func(row []float32) float64 {
		nearest := math.Inf(1)
		for _, sum := range squares(centres, scaled, row) {
			nearest = math.Min(nearest, sum)
		}
		return math.Sqrt(nearest)
	}
}

// spreadClusters: the same with a weight of each centre along each feature, beginning with its remoteness; in float32.
func spreadClusters(from arrays) scorer {
	centres, weights, remoteness := from.table("centres"), from.table("weights"), from.table("remoteness")
	scaled := scaling(from)
	begins := make([]float32, len(centres[0]))
	for _, along := range remoteness {
		for point, further := range along {
			begins[point] += float32(further)
		}
	}
	return func(row []float32) float64 {
		sums := append([]float32(nil), begins...)
		for feature, along := range centres {
			value := float32(scaled(row[feature], feature))
			for point, at := range along {
				away := value - float32(at)
				square := float32(away * away)
				sums[point] += float32(square * float32(weights[feature][point]))
			}
		}
		nearest := sums[0]
		for _, sum := range sums {
			nearest = min(nearest, sum)
		}
		return math.Sqrt(float64(nearest))
	}
}

// components: the sum of the distances to the components, each divided by its share of the variance.
func components(from arrays) scorer {
	points, weights, scaled := from.table("components"), from.line("weights"), scaling(from)
	return func(row []float32) float64 {
		total := 0.0
		for point, sum := range squares(points, scaled, row) {
			total += math.Sqrt(sum) / weights[point]
		}
		return total
	}
}

// steps: the sum of a step function of each feature. A value at most a cut lies below it.
func steps(from arrays) scorer {
	cuts, values, starts, scaled := from.line("cuts"), from.line("values"), ints(from.line("starts")), scaling(from)
	return func(row []float32) float64 {
		total := 0.0
		for feature := range len(starts) - 1 {
			own := cuts[starts[feature]:starts[feature+1]]
			place := sort.SearchFloat64s(own, scaled(row[feature], feature))
			total += values[starts[feature]+place+feature]
		}
		return total
	}
}

// member is one model of an ensemble: how many columns it sees, and what its scores mean.
type member struct {
	score  scorer
	width  int
	tables func(score float64, table int) float64
	share  float64
}

// ensemble: each member's score becomes −log p by a table of its own; these are combined by the members' shares.
func ensemble(from arrays) (scorer, error) {
	weights, widths, sharpness := from.line("weights"), from.line("widths"), from.line("sharpness")[0]
	total := 0.0
	for _, weight := range weights {
		total += weight
	}
	members := []member{}
	for _, name := range order {
		own := from.part("members." + name + ".")
		if len(own) == 0 {
			continue
		}
		score, err := newScorer(name, own)
		if err != nil {
			return nil, err
		}
		at := len(members)
		tables := surprise(from.part("tails." + name + "."))
		members = append(members, member{score, int(widths[at]), tables, weights[at] / total})
	}
	segment := segments(from.part("segments."))
	return func(row []float32) float64 {
		table, told := segment(row), make([]float64, len(members))
		for i, each := range members {
			told[i] = each.tables(each.score(row[:each.width]), table)
		}
		return combined(members, told, sharpness)
	}, nil
}

func combined(members []member, told []float64, sharpness float64) float64 {
	total := 0.0
	if sharpness == 0 {
		for i, each := range members {
			total += float64(told[i] * each.share)
		}
		return total
	}
	highest := told[0]
	for _, each := range told {
		highest = math.Max(highest, each)
	}
	for i, each := range members {
		total += float64(math.Exp(sharpness*(told[i]-highest)) * each.share)
	}
	return highest + math.Log(total)/sharpness
}

// surprise gives −log p of a score: straight lines between knots, a logarithm beyond the last.
func surprise(from arrays) func(score float64, table int) float64 {
	scores, levels, slopes := from.table("scores"), from.table("levels"), from.line("slopes")
	return func(score float64, table int) float64 {
		knots, level := scores[table], levels[table]
		place, last := sort.SearchFloat64s(knots, score), len(knots)-1
		switch {
		case place == 0:
			return level[0]
		case place > last:
			return level[last] + math.Log1p(slopes[table]*(score-knots[last]))
		}
		share := (score - knots[place-1]) / (knots[place] - knots[place-1])
		return level[place-1] + float64(share*(level[place]-level[place-1]))
	}
}

// segments gives the number of a row's table: that of the cell of all columns' bins, the last column's turning fastest.
func segments(from arrays) func(row []float32) int {
	columns, cuts := ints(from.line("columns")), from.line("cuts")
	starts, cells := ints(from.line("starts")), ints(from.line("cells"))
	return func(row []float32) int {
		if len(cells) == 0 {
			return 0
		}
		place := 0
		for number, column := range columns {
			own := cuts[starts[number]:starts[number+1]]
			place = place*(len(own)+1) + sort.SearchFloat64s(own, float64(row[column]))
		}
		return cells[place]
	}
}

// pValue gives the share of held-out flows that scored as high.
func pValue(from arrays) func(score float64) float64 {
	scores, counts := from.line("scores"), from.line("counts")
	return func(score float64) float64 {
		return (1 + counts[sort.SearchFloat64s(scores, score)]) / (counts[0] + 1)
	}
}

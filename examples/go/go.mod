module oddflow.example/score

go 1.22

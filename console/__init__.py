"""The console: pages of casework for analysts and those who lead them, and its API for programs."""

"""From a folder of notebooks to grades: `grades.grade_folder`, and the reports on them."""

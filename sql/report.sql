-- Bars.
SET search_path = public, weir;
SELECT sparkline('{1,2,3,4,5,6,7,8}'), sparkline('{0,NULL,10,5,NaN,Infinity,0}'), sparkline('{3,3,3}'), sparkline('{-1e308,1e308,0}'), sparkline('{7}');
SELECT sparkline('{}') = '' AS empty, sparkline('{NULL}') = ' ' AS blank, sparkline(NULL) IS NULL AS none;
